/** The option that chooses a device, and the refusals of what no device can do yet. */

import { UserError } from "../errors.ts";
import { optionTable } from "./options.ts";

export const deviceOptions = optionTable({
  device: {
    type: "enum",
    values: ["auto", "gpu", "cpu"],
    default: "auto",
    group: "Device",
    help: "Where to compute: auto and gpu take the WebGPU adapter; cpu is not there yet",
  },
});

/** @throws UserError for `--device cpu`, which no device serves yet */
export function refuseCpu(device: "auto" | "gpu" | "cpu"): void {
  if (device === "cpu") {
    throw new UserError("the CPU device is not there yet", {
      where: "--device cpu",
      hint: "--device auto or gpu; without a GPU, a software adapter serves (codekiln devices says how to get one)",
    });
  }
}

/** Variables by which launchers of several processes tell each process how many there are. */
const worldSizeVariables = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "WORLD_SIZE"];

/** @throws UserError if a launcher started several processes: data parallelism is not there yet */
export function refuseSeveralProcesses(env: (name: string) => string | undefined = (name) => Deno.env.get(name)): void {
  for (const name of worldSizeVariables) {
    const size = Number(env(name) ?? 1);
    if (size > 1) {
      throw new UserError("training with several processes is not there yet", {
        where: `${name}=${size}`,
        hint: `start one process, or unset ${name}`,
      });
    }
  }
}

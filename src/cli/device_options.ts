/** The options that choose a device and say how it computes. */

import { MAX_THREADS } from "../device/cpu/max_threads.ts";
import type { DeviceChoice } from "../device/open.ts";
import { UserError } from "../errors.ts";
import { optionTable } from "./options.ts";

export const deviceOptions = optionTable({
  device: {
    type: "enum",
    values: ["auto", "gpu", "cpu"],
    default: "auto",
    group: "Device",
    help: "Where to compute: auto takes a GPU where there is one, else the CPU; gpu a software adapter too",
  },
  threads: {
    type: "integer",
    min: 1,
    max: MAX_THREADS,
    group: "Device",
    help: "CPU: threads; default: as many as run at once. The numbers do not depend on it",
  },
  blas: {
    type: "string",
    placeholder: "auto|off|PATH",
    default: "auto",
    group: "Device",
    help:
      "CPU: system library for large matrix products. auto finds OpenBLAS, MKL, BLIS or Accelerate where there is one; off does without",
  },
});

/** The device that the options ask for. */
export interface DeviceOptions {
  readonly device: DeviceChoice;
  readonly threads: number | null;
  readonly blas: string;
}

/** @throws {UserError} for options of the CPU device with `--device gpu`, where they would do nothing */
export function checkDeviceOptions({ device, threads, blas }: DeviceOptions): void {
  if (device !== "gpu") return;
  const where = threads !== null ? `--threads ${threads}` : blas !== "auto" ? `--blas ${blas}` : null;
  if (where === null) return;
  throw new UserError("acts on the CPU device only", { where, hint: "leave it out, or use --device cpu" });
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

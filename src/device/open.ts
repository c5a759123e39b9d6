/** Opens the device that the command line's `--device` asks for. */
import { DeviceError } from "../errors.ts";
import type { Device } from "./device.ts";
import { openWebGpuDevice } from "./webgpu/device.ts";

export type DeviceChoice = "auto" | "gpu" | "cpu";

export interface OpenedDevice {
  readonly device: Device;
  /** What the user should know about the choice; null where there is nothing to say. */
  readonly note: string | null;
}

/**
 * Opens a device: `gpu` is the WebGPU adapter that the environment offers, `auto` the same as long as there is no other.
 * @throws {DeviceError} where there is no adapter, and for `cpu`, which is not there yet.
 */
export async function openDevice(choice: DeviceChoice): Promise<OpenedDevice> {
  if (choice === "cpu") {
    throw new DeviceError("the CPU device is not there yet", {
      hint: "use auto or gpu: a software adapter serves too",
    });
  }
  const device = await openWebGpuDevice();
  const note = choice === "auto" && device.software
    ? `no GPU found: computing on the software adapter ${device.name}, which is slow`
    : null;
  return { device, note };
}

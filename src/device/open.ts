/** Opens the device that the command line's `--device` asks for. */
import { DeviceError } from "../errors.ts";
import { findBlas } from "./cpu/blas_find.ts";
import { openCpuDevice } from "./cpu/device.ts";
import type { Device } from "./device.ts";
import { adapterName, requestAdapter } from "./webgpu/adapter.ts";
import { openWebGpuDevice } from "./webgpu/device.ts";

export type DeviceChoice = "auto" | "gpu" | "cpu";

/** How the CPU device computes, where it is the one that is opened. */
export interface CpuChoice {
  /** Worker threads; null: as many as the system lets run at once. */
  readonly threads?: number | null;
  /** The system BLAS that takes large matrix products: `auto` finds one, `off` does without, anything else is a library's path. */
  readonly blas?: string;
}

export interface OpenedDevice {
  readonly device: Device;
  /** What the user should know about the choice; null where there is nothing to say. */
  readonly note: string | null;
}

/** What `--device auto` takes, and why. */
export interface AutoChoice {
  readonly device: "gpu" | "cpu";
  /** For people: half a sentence. */
  readonly why: string;
}

/** Decides for a hardware adapter where there is one, else for the CPU. A software adapter is the CPU too, but slower. */
export async function chooseDevice(): Promise<AutoChoice> {
  let adapter: GPUAdapter;
  try {
    adapter = await requestAdapter();
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    return { device: "cpu", why: "no GPU found" };
  }
  const name = adapterName(adapter);
  return adapter.info.isFallbackAdapter
    ? { device: "cpu", why: `no GPU found: ${name} is a software adapter, slower than the CPU device` }
    : { device: "gpu", why: `${name} is a hardware adapter` };
}

/**
 * Opens a device: `gpu` is the WebGPU adapter that the environment offers, a software one too; `cpu` the processor; `auto` a
 * hardware adapter where there is one that opens, else the processor.
 * @param cpu acts where the CPU device is opened; where `auto` takes a GPU instead, the note says that it does not
 * @throws {DeviceError} where the device is absent or does not open
 * @throws {UserError} for a `blas` that is no usable library
 */
export async function openDevice(choice: DeviceChoice, cpu: CpuChoice = {}): Promise<OpenedDevice> {
  const openCpu = () => openCpuDevice({ threads: cpu.threads ?? undefined, blas: findBlas(cpu.blas ?? "auto") });
  if (choice === "gpu") return { device: await openWebGpuDevice(), note: null };
  if (choice === "cpu") return { device: await openCpu(), note: null };
  const { device: kind, why } = await chooseDevice();
  if (kind === "cpu") {
    const device = await openCpu();
    return { device, note: `no GPU found: computing on ${device.name}` };
  }
  try {
    const device = await openWebGpuDevice();
    const asked = cpu.threads != null || (cpu.blas ?? "auto") !== "auto";
    const note = asked ? `computing on ${device.name}: the CPU device's threads and BLAS do not act there` : null;
    return { device, note };
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    const device = await openCpu();
    return { device, note: `${why} but does not open (${error.message}): computing on ${device.name}` };
  }
}

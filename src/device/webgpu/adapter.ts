/** Finds a WebGPU adapter, says what it is, and opens it with the adapter's own limits instead of WebGPU's small defaults. */
import { DeviceError } from "../../errors.ts";
import type { AdapterTraits } from "./kernel.ts";

/** An adapter for people: what `codekiln devices` prints. */
export interface AdapterDescription {
  readonly name: string;
  readonly vendor: string;
  readonly architecture: string;
  /** A processor that pretends to be a GPU. */
  readonly software: boolean;
  /** 16-bit floats in shaders. */
  readonly f16: boolean;
  /** Subgroup operations in shaders; found by trying, since the adapter's list may hide them. */
  readonly subgroups: boolean;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<(typeof LIMITS)[number], number>>;
}

/** The limits that compute work depends on. */
const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
  "maxComputeWorkgroupsPerDimension",
] as const;

const NO_ADAPTER_HINT =
  "install a graphics driver with Vulkan, Metal or Direct3D 12, or compute on the processor: --device cpu";

/**
 * Mesa's device selection layer prints an error where no desktop session runs. Nothing is changed where the user chose a
 * device through that layer.
 */
function silenceDeviceSelection(): void {
  try {
    const chosen = ["XDG_RUNTIME_DIR", "MESA_VK_DEVICE_SELECT", "DRI_PRIME", "NODEVICE_SELECT"];
    if (chosen.every((name) => Deno.env.get(name) === undefined)) Deno.env.set("NODEVICE_SELECT", "1");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
  }
}

/**
 * On Linux only Vulkan is asked for, unless the user says otherwise: without a Vulkan driver WebGPU would fall back to OpenGL,
 * where compiling one kernel can take minutes.
 */
function preferVulkan(): void {
  if (Deno.build.os !== "linux") return;
  try {
    if (Deno.env.get("DENO_WEBGPU_BACKEND") === undefined) Deno.env.set("DENO_WEBGPU_BACKEND", "vulkan");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
  }
}

async function findAdapter(): Promise<GPUAdapter | null> {
  if (!navigator.gpu) return null;
  silenceDeviceSelection();
  preferVulkan();
  return await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
}

/**
 * The adapter that WebGPU offers; its kind is chosen by the environment, not by an index.
 * @throws {DeviceError} with how to get one where there is none.
 */
export async function requestAdapter(): Promise<GPUAdapter> {
  const adapter = await findAdapter();
  if (!adapter) throw new DeviceError("WebGPU finds no adapter", { hint: NO_ADAPTER_HINT });
  return adapter;
}

/** Opens an adapter with all of its own limits that compute work depends on, and with subgroups where it has them. */
export async function requestDevice(adapter: GPUAdapter): Promise<GPUDevice> {
  const requiredLimits = Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]]));
  try {
    return await adapter.requestDevice({ requiredLimits, requiredFeatures: ["subgroups" as GPUFeatureName] });
  } catch {
    // Without subgroups, then: the adapter's list of features may hide them, so asking for them is the way to know.
  }
  try {
    return await adapter.requestDevice({ requiredLimits });
  } catch (cause) {
    throw new DeviceError(`the adapter ${adapterName(adapter)} cannot be opened: ${String(cause)}`, { cause });
  }
}

/** The adapter's name for people. */
export function adapterName({ info }: GPUAdapter): string {
  return info.description || [info.vendor, info.architecture, info.device].filter(Boolean).join(" ") ||
    "unnamed adapter";
}

/** What kernels may know of the adapter, opened as `device`. */
export function adapterTraits(adapter: GPUAdapter, device: GPUDevice): AdapterTraits {
  const { limits, info } = adapter;
  const subgroups = device.features.has("subgroups" as GPUFeatureName) && info.subgroupMinSize === info.subgroupMaxSize;
  return {
    maxBindingBytes: Math.floor(limits.maxStorageBufferBindingSize / 256) * 256,
    maxBufferBytes: Math.floor(limits.maxBufferSize / 256) * 256,
    maxWorkgroupsPerDimension: limits.maxComputeWorkgroupsPerDimension,
    maxInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
    maxWorkgroupBytes: limits.maxComputeWorkgroupStorageSize,
    software: info.isFallbackAdapter,
    subgroupSize: subgroups ? info.subgroupMinSize : 0,
  };
}

/** Describes the adapters that WebGPU offers: one, or none. */
export async function describeAdapters(): Promise<AdapterDescription[]> {
  const adapter = await findAdapter();
  if (!adapter) return [];
  const { info, features, limits } = adapter;
  return [{
    name: adapterName(adapter),
    vendor: info.vendor,
    architecture: info.architecture,
    software: info.isFallbackAdapter,
    f16: features.has("shader-f16"),
    subgroups: features.has("subgroups") || await hasSubgroups(),
    features: [...features].sort(),
    limits: Object.fromEntries(LIMITS.map((name) => [name, limits[name]])) as AdapterDescription["limits"],
  }];
}

/** Tries a device with subgroups, on an adapter of its own since an adapter opens one device only. */
async function hasSubgroups(): Promise<boolean> {
  const adapter = await findAdapter();
  try {
    const device = await adapter?.requestDevice({ requiredFeatures: ["subgroups" as GPUFeatureName] });
    device?.destroy();
    return device !== undefined;
  } catch {
    return false;
  }
}

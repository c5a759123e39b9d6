/** The devices under test. The same tests run on each; where a device is absent its tests are shown as ignored. */
import type { Device } from "../../src/device/device.ts";
import { openCpuDevice } from "../../src/device/cpu/device.ts";
import { describeAdapters } from "../../src/device/webgpu/adapter.ts";
import { openWebGpuDevice } from "../../src/device/webgpu/device.ts";
import { openReferenceDevice } from "../reference/device.ts";

export interface DeviceUnderTest {
  name: string;
  /** True where this machine has no such device. */
  absent: boolean;
  open(): Promise<Device>;
}

const [adapter] = await describeAdapters();
if (!adapter) {
  console.error("No WebGPU adapter: its tests are skipped. On Debian: apt-get install mesa-vulkan-drivers");
}

/** All devices but the reference device. */
export const devices: readonly DeviceUnderTest[] = [
  { name: "webgpu", absent: adapter === undefined, open: () => openWebGpuDevice() },
  { name: "cpu", absent: false, open: () => openCpuDevice() },
];

/** The same with the reference device. */
export const devicesAndReference: readonly DeviceUnderTest[] = [
  { name: "reference", absent: false, open: () => Promise.resolve(openReferenceDevice()) },
  ...devices,
];

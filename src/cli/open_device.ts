/** Opens the device that the options name and tells the user what there is to know about the choice. */

import type { Device } from "../device/device.ts";
import { openDevice } from "../device/open.ts";
import type { DeviceOptions } from "./device_options.ts";

export async function openNotedDevice(
  { device, threads, blas }: DeviceOptions,
  note: (line: string) => void,
): Promise<Device> {
  const opened = await openDevice(device, { threads, blas });
  if (opened.note) note(`note: ${opened.note}`);
  const running = navigator.hardwareConcurrency;
  if (opened.device.kind === "cpu" && threads !== null && threads > running) {
    note(`note: ${threads} threads where ${running} run at once: they take turns, which is slower`);
  }
  return opened.device;
}

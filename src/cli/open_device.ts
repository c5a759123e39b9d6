/** Opens the device that `--device` names and tells the user what there is to know about the choice. */

import type { Device } from "../device/device.ts";
import { type DeviceChoice, openDevice } from "../device/open.ts";

export async function openNotedDevice(choice: DeviceChoice, note: (line: string) => void): Promise<Device> {
  const opened = await openDevice(choice);
  if (opened.note) note(`note: ${opened.note}`);
  return opened.device;
}

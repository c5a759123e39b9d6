/**
 * Runs one op on a device and on the reference device with the same random operands, and compares everything it writes.
 * Operands are persistent tensors here, so that they can be written and read.
 */
import type { Device, HostArray } from "../../src/device/device.ts";
import { type Op, operands, writes } from "../../src/program/op.ts";
import { createProgram } from "../../src/program/program.ts";
import { normal } from "../../src/program/random.ts";
import { elementCount, type Tensor } from "../../src/program/tensor.ts";
import { openReferenceDevice } from "../reference/device.ts";

/** Data of operands by name; f32 operands that are not named are drawn from a normal distribution. */
export type OperandData = Readonly<Record<string, HostArray>>;

/** Values from a normal distribution, the same for the same arguments. */
export function normals(count: number, seed: number, scale = 1): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => normal(seed, 77, i, 1) * scale);
}

function seedOf(name: string): number {
  let hash = 17;
  for (const char of name) hash = (hash * 31 + char.charCodeAt(0)) >>> 0;
  return hash;
}

function initial(name: string, tensor: Tensor, data: OperandData): HostArray {
  if (name in data) return data[name];
  if (tensor.dtype === "u32") return new Uint32Array(elementCount(tensor.shape));
  return normals(elementCount(tensor.shape), seedOf(name));
}

/** Runs one op on a device and gives what it wrote, by operand name. */
export async function runOn(device: Device, op: Op, data: OperandData): Promise<Map<string, HostArray>> {
  const program = createProgram(op.kind, [op]);
  for (const [name, tensor] of operands(op)) device.write(tensor, initial(name, tensor, data));
  const [executable] = await device.compile([program]);
  executable.run();
  const written = new Set(writes(op));
  const outputs = operands(op).filter(([, tensor]) => written.has(tensor));
  const values = await device.read(outputs.map(([, tensor]) => tensor));
  executable[Symbol.dispose]();
  device.free(operands(op).map(([, tensor]) => tensor.storage));
  return new Map(outputs.map(([name], i) => [name, values[i]]));
}

export interface Tolerance {
  /** Largest difference allowed, relative to the largest entry of the expected tensor. */
  relative?: number;
  data?: OperandData;
}

/**
 * Compares one op on a device with the reference.
 * The default tolerance, 2e-5 of the largest entry, is about 300 float32 roundings: sums here have up to a few thousand terms.
 */
export async function compareWithReference(device: Device, op: Op, options: Tolerance = {}): Promise<void> {
  const { relative = 2e-5, data = {} } = options;
  await using reference = openReferenceDevice();
  const expected = await runOn(reference, op, data);
  const actual = await runOn(device, op, data);
  for (const [name, want] of expected) {
    const got = actual.get(name);
    if (!got) throw new Error(`${op.kind}: ${name} was not read`);
    assertClose(got, want, relative, `${op.kind}: ${name}`);
  }
}

/** Throws where an entry differs by more than `relative` times the largest expected entry, or by anything in integers. */
export function assertClose(got: HostArray, want: HostArray, relative: number, label: string): void {
  if (got.length !== want.length) throw new Error(`${label}: ${got.length} entries, expected ${want.length}`);
  const exact = want instanceof Uint32Array;
  let largest = 0;
  for (const value of want) if (Number.isFinite(value)) largest = Math.max(largest, Math.abs(value));
  const allowed = exact ? 0 : relative * largest;
  let worst = -1;
  let at = -1;
  for (let i = 0; i < want.length; i++) {
    if (Object.is(got[i], want[i]) || got[i] === want[i]) continue;
    const difference = Math.abs(got[i] - want[i]);
    if (!(difference <= worst)) [worst, at] = [difference, i];
    if (Number.isNaN(difference)) break;
  }
  if (at >= 0 && !(worst <= allowed)) {
    throw new Error(
      `${label}: entry ${at} is ${got[at]}, expected ${
        want[at]
      } (difference ${worst}, allowed ${allowed} of ${largest})`,
    );
  }
}

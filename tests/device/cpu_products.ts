/** Runs matrix products on CPU devices, for the tests of their kernels. */
import { type CpuDevice, openCpuDevice } from "../../src/device/cpu/device.ts";
import type { HostArray } from "../../src/device/device.ts";
import { type Matmul, operands, writtenOperands } from "../../src/program/op.ts";
import { createProgram } from "../../src/program/program.ts";
import { assert } from "../assert.ts";
import { checkProduct, dataOf } from "./matmul_products.ts";

/** Runs a product once. @returns what it has written, by operand */
async function run(
  device: CpuDevice,
  op: Matmul,
  data: ReadonlyMap<string, Float32Array>,
): Promise<Map<string, HostArray>> {
  for (const [name, tensor] of operands(op)) device.write(tensor, data.get(name) ?? new Float32Array(0));
  const [executable] = await device.compile([createProgram("product", [op])]);
  executable.run();
  const written = writtenOperands(op);
  const values = await device.read(written.map(([, tensor]) => tensor));
  executable[Symbol.dispose]();
  device.free(operands(op).map(([, tensor]) => tensor.storage));
  return new Map(written.map(([name], i) => [name, values[i]]));
}

/** Runs a product on random values and holds all that it writes against sums in float64. */
export async function checkOn(device: CpuDevice, op: Matmul): Promise<void> {
  const data = dataOf(op);
  checkProduct(op, data, await run(device, op, data));
}

/** Asserts that products give the same bits with 1, 2 and 3 threads. */
export async function assertSameForAnyThreads(ops: readonly Matmul[]): Promise<void> {
  const results: HostArray[][] = [];
  for (const threads of [1, 2, 3]) {
    await using device = await openCpuDevice({ threads });
    const all: HostArray[] = [];
    for (const op of ops) all.push(...(await run(device, op, dataOf(op))).values());
    results.push(all);
  }
  assert.deepEqual(results[1], results[0]);
  assert.deepEqual(results[2], results[0]);
}

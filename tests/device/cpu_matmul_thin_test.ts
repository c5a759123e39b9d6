/** Products with few rows on the CPU device, as in decoding, in both builds of its kernels, against sums in float64. */
import { type CpuDevice, openCpuDevice } from "../../src/device/cpu/device.ts";
import { isThin } from "../../src/device/cpu/matmul_thin.ts";
import type { HostArray } from "../../src/device/device.ts";
import { type Matmul, operands, writtenOperands } from "../../src/program/op.ts";
import { createProgram } from "../../src/program/program.ts";
import { assert } from "../assert.ts";
import { checkProduct, dataOf, type Extra, type Layout, product } from "./matmul_products.ts";

const LAYOUTS: readonly Layout[] = ["NN", "NT"];
const EXTRAS: readonly Extra[][] = [
  ["bias"],
  ["bias", "gelu", "pre"],
  ["bias", "residual"],
  ["gelu", "accumulate"],
  ["bias", "gelu", "pre", "residual", "accumulate"],
];
/** Rows of the result; columns and k around vectors, around what a pass takes at once, and over several items. */
const ROWS = [1, 2, 3, 4];
const SIZES = [[1, 1], [3, 5], [16, 16], [17, 63], [67, 130], [513, 1003], [1030, 515]];

async function run(device: CpuDevice, op: Matmul, data: ReadonlyMap<string, Float32Array>) {
  for (const [name, tensor] of operands(op)) device.write(tensor, data.get(name) ?? new Float32Array(0));
  const [executable] = await device.compile([createProgram("product", [op])]);
  executable.run();
  const written = writtenOperands(op);
  const values = await device.read(written.map(([, tensor]) => tensor));
  executable[Symbol.dispose]();
  device.free(operands(op).map(([, tensor]) => tensor.storage));
  return new Map<string, HostArray>(written.map(([name], i) => [name, values[i]]));
}

for (const plainSimd of [false, true]) {
  Deno.test(`products with few rows are right ${plainSimd ? "without" : "with"} relaxed SIMD on the cpu`, async () => {
    await using device = await openCpuDevice({ threads: 2, plainSimd });
    for (const layout of LAYOUTS) {
      for (const m of ROWS) {
        for (const [i, [n, k]] of SIZES.entries()) {
          const op = product(layout, m, n, k, EXTRAS[(m + i) % EXTRAS.length]);
          assert.ok(isThin(op));
          const data = dataOf(op);
          checkProduct(op, data, await run(device, op, data));
        }
      }
    }
  });
}

Deno.test("products with few rows have the same bits for 1, 2 and 3 threads", async () => {
  const ops = LAYOUTS.flatMap((layout) => [
    product(layout, 1, 768, 1003, ["bias", "gelu"]),
    product(layout, 3, 1030, 515, ["accumulate"]),
  ]);
  const results: HostArray[][] = [];
  for (const threads of [1, 2, 3]) {
    await using device = await openCpuDevice({ threads });
    const all: HostArray[] = [];
    for (const op of ops) all.push(...(await run(device, op, dataOf(op))).values());
    results.push(all);
  }
  assert.deepEqual(results[1], results[0]);
  assert.deepEqual(results[2], results[0]);
});

/** Products with few rows on the CPU device, as in decoding, in both builds of its kernels, against sums in float64. */
import { openCpuDevice } from "../../src/device/cpu/device.ts";
import { isThin } from "../../src/device/cpu/matmul_thin.ts";
import { assert } from "../assert.ts";
import { assertSameForAnyThreads, checkOn } from "./cpu_products.ts";
import { type Extra, type Layout, product } from "./matmul_products.ts";

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

for (const plainSimd of [false, true]) {
  Deno.test(`products with few rows are right ${plainSimd ? "without" : "with"} relaxed SIMD on the cpu`, async () => {
    await using device = await openCpuDevice({ threads: 2, plainSimd });
    for (const layout of LAYOUTS) {
      for (const m of ROWS) {
        for (const [i, [n, k]] of SIZES.entries()) {
          const op = product(layout, m, n, k, EXTRAS[(m + i) % EXTRAS.length]);
          assert.ok(isThin(op));
          await checkOn(device, op);
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
  await assertSameForAnyThreads(ops);
});

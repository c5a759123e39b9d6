/** Matrix products on the CPU device, in both builds of its kernels, against sums in float64. */
import type { CpuOptions } from "../../src/device/cpu/device.ts";
import { openCpuDevice } from "../../src/device/cpu/device.ts";
import { packedCalls, packedScratch } from "../../src/device/cpu/matmul_packed.ts";
import type { Matmul } from "../../src/program/op.ts";
import { assert } from "../assert.ts";
import { assertSameForAnyThreads, checkOn } from "./cpu_products.ts";
import { EPILOGUES, type Extra, type Layout, LAYOUTS, product, SHAPES } from "./matmul_products.ts";

const BUILDS: Readonly<Record<string, CpuOptions>> = {
  "relaxed SIMD": { threads: 2 },
  "plain SIMD": { threads: 2, plainSimd: true },
};

/** More k than a block holds, by an odd number, with every way of keeping the sums between blocks. */
const LONG: readonly Matmul[] = ([
  ["NN", 13, 21, ["bias"]],
  ["NT", 21, 13, ["bias", "gelu", "pre"]],
  ["TN", 13, 20, ["accumulate"]],
  ["NN", 20, 13, ["gelu", "accumulate"]],
  ["NT", 7, 17, ["gelu", "residual"]],
  ["TN", 19, 5, ["bias", "gelu", "pre", "residual", "accumulate"]],
  ["NN", 11, 18, ["bias", "residual", "accumulate"]],
] satisfies [Layout, number, number, Extra[]][]).map(([layout, m, n, extras]) => product(layout, m, n, 1003, extras));

for (const [build, options] of Object.entries(BUILDS)) {
  Deno.test(`products of any shape and layout are right with ${build} on the cpu`, async () => {
    await using device = await openCpuDevice(options);
    for (const layout of LAYOUTS) {
      for (const [m, n, k] of SHAPES) await checkOn(device, product(layout, m, n, k));
    }
  });

  Deno.test(`every epilogue is fused in its order with ${build} on the cpu`, async () => {
    await using device = await openCpuDevice(options);
    for (const op of EPILOGUES) await checkOn(device, op);
  });

  Deno.test(`sums over several blocks of k keep the epilogue for the last one with ${build} on the cpu`, async () => {
    await using device = await openCpuDevice(options);
    for (const op of LONG) await checkOn(device, op);
  });
}

Deno.test("a product whose smaller operand is large is packed slab by slab on the cpu", async () => {
  await using device = await openCpuDevice({ threads: 2 });
  for (const layout of LAYOUTS) {
    const op = product(layout, 6, 9, 175_003, ["bias", "residual"]);
    assert.ok(packedCalls(op).length > 2);
    assert.ok(packedScratch(op) <= 2 ** 20);
    await checkOn(device, op);
  }
});

Deno.test("neither the larger operand of a vocabulary's products nor its result is copied", () => {
  for (const layout of LAYOUTS) {
    for (const [m, n, k] of [[256, 50257, 768], [256, 768, 50257], [50257, 768, 256]]) {
      assert.ok(packedScratch(product(layout, m, n, k, ["accumulate"])) <= 2 ** 20, `${layout} ${m}×${n}×${k}`);
    }
  }
});

Deno.test("products have the same bits for 1, 2 and 3 threads", async () => {
  const ops = LAYOUTS.flatMap((layout) => [
    product(layout, 130, 67, 500, ["bias", "residual"]),
    product(layout, 50, 300, 900, ["accumulate"]),
    product(layout, 2, 400, 300, ["bias"]),
  ]);
  await assertSameForAnyThreads(ops);
});

/** Matrix products on WebGPU against sums in float64. Kernels meant for GPUs run here on whatever adapter there is. */
import { matmul } from "../../src/device/webgpu/matmul.ts";
import type { AdapterTraits } from "../../src/device/webgpu/kernel.ts";
import { matmulParts } from "../../src/device/webgpu/matmul_ranges.ts";
import { chooseVariant } from "../../src/device/webgpu/matmul_variant.ts";
import type { Matmul } from "../../src/program/op.ts";
import { assert, assertFails } from "../assert.ts";
import { openKernelRunner } from "./kernel_runner.ts";
import {
  checkProduct,
  dataOf,
  EPILOGUES,
  type Extra,
  type Layout,
  LAYOUTS,
  product,
  SHAPES,
} from "./matmul_products.ts";

const runner = await openKernelRunner();
const ignore = runner === null;
globalThis.addEventListener("unload", () => runner?.close());

const FAMILIES = {
  "registers and subgroups": { software: true },
  "registers alone": { software: true, subgroupSize: 0 },
  "GPU tiles": { software: false },
} satisfies Record<string, Partial<AdapterTraits>>;

const TRAITS: AdapterTraits = {
  maxBindingBytes: 2 ** 27,
  maxBufferBytes: 2 ** 31,
  maxWorkgroupsPerDimension: 65535,
  maxInvocationsPerWorkgroup: 1024,
  maxWorkgroupBytes: 32768,
  software: false,
};

/** Runs an op and checks all that it writes; gives back the labels of its dispatches and what it wrote. */
async function check(op: Matmul, traits: Partial<AdapterTraits>): Promise<{ labels: string[]; out: Float32Array }> {
  if (!runner) throw new Error("no adapter");
  const data = dataOf(op);
  const { outputs, dispatches } = await runner.run(matmul, op, data, traits);
  checkProduct(op, data, outputs);
  const out = outputs.get("out") as Float32Array;
  return { labels: dispatches.map(({ label }) => label), out };
}

for (const [family, traits] of Object.entries(FAMILIES)) {
  for (const layout of LAYOUTS) {
    Deno.test({
      name: `${layout} products of any shape are right with ${family}`,
      ignore,
      fn: async () => {
        for (const [m, n, k] of SHAPES) await check(product(layout, m, n, k), traits);
      },
    });
  }

  Deno.test({
    name: `bias, gelu, pre, residual and accumulate are fused in their order with ${family}`,
    ignore,
    fn: async () => {
      for (const op of EPILOGUES) await check(op, traits);
    },
  });
}

Deno.test({
  name: "large tiles compute edges as well as small ones",
  ignore: ignore || (runner?.traits.maxWorkgroupBytes ?? 0) < 20480,
  fn: async () => {
    const adapter = { ...TRAITS, maxWorkgroupBytes: 32768 };
    for (const layout of LAYOUTS) {
      const shape = { m: 1540, n: 1988, k: 18, transA: layout === "TN", transB: layout === "NT" };
      const variant = chooseVariant(shape, adapter);
      assert.equal(variant.kind === "tiles" && variant.tileM, 128);
      await check(product(layout, shape.m, shape.n, shape.k), { software: false });
    }
  },
});

Deno.test({
  name: "a thin output with a long k is cut into slices, added in the same order every time",
  ignore,
  fn: async () => {
    for (const n of [36, 33]) {
      const op = product("TN", 40, n, 1500, ["bias", "residual", "accumulate"]);
      const first = await check(op, { software: false });
      assert.deepEqual(first.labels, ["matmul.slices", "matmul.sum"]);
      const second = await check(op, { software: false });
      assert.deepEqual(second.out, first.out);
    }
  },
});

Deno.test({
  name: "a k beyond what one shader may loop over is summed to its end",
  ignore,
  fn: async () => {
    for (const software of [true, false]) {
      for (const layout of LAYOUTS) await check(product(layout, 2, 4, 270_001), { software });
    }
  },
});

Deno.test({
  name: "operands that no binding holds are bound in ranges",
  ignore,
  fn: async () => {
    const cuts: [Layout, number, number, number][] = [
      ["NT", 20, 300, 80], // b, by columns of out
      ["NN", 18, 84, 300], // b, by k
      ["TN", 84, 40, 300], // a, by k
      ["TN", 300, 84, 20], // out, by rows
      ["NN", 300, 20, 84], // a and out, by rows
      ["NN", 20, 83, 301], // b, by k, in scalars
    ];
    const cases: [readonly Extra[], Partial<AdapterTraits>][] = [
      [["bias", "gelu", "pre", "residual"], { maxBindingBytes: 24576 }],
      [["bias", "residual", "accumulate"], { maxBindingBytes: 24576, software: false }],
    ];
    for (const [i, [layout, m, n, k]] of cuts.entries()) {
      const [extras, traits] = cases[i % 2];
      const { labels } = await check(product(layout, m, n, k, extras), traits);
      assert.ok(labels.length > 1, `${layout} ${m}×${n}×${k} was not cut`);
    }
    await check(product("NN", 18, 84, 300, ["bias", "gelu", "accumulate"]), { maxBindingBytes: 24576 });
  },
});

Deno.test("every kernel is chosen for the shapes it is meant for, from the shape and the adapter alone", () => {
  const of = (m: number, n: number, k: number, adapter: Partial<AdapterTraits> = {}) =>
    chooseVariant({ m, n, k, transA: false, transB: false }, { ...TRAITS, ...adapter });
  assert.deepEqual(of(4096, 4096, 1024), { kind: "tiles", tileM: 128, tileN: 128, slices: 1 });
  assert.deepEqual(of(1024, 768, 768, { maxWorkgroupBytes: 16384 }), {
    kind: "tiles",
    tileM: 64,
    tileN: 64,
    slices: 1,
  });
  assert.deepEqual(of(128, 128, 8192), { kind: "tiles", tileM: 64, tileN: 64, slices: 32 });
  assert.equal(of(1, 50257, 768).kind, "thin");
  assert.equal(of(16, 2304, 768).kind, "thin");
  assert.equal(of(17, 2304, 768).kind, "tiles");
  assert.deepEqual(of(1024, 384, 128, { software: true, subgroupSize: 8 }), {
    kind: "registers",
    rows: 64,
    group: 2,
    lanes: 8,
    subgroups: true,
  });
});

Deno.test("GPT-2's embedding is cut where a binding holds 128 MiB, and rows that do not fit are refused", async () => {
  const shape = { m: 64, n: 50257, k: 768, transA: false, transB: true };
  const parts = matmulParts(shape, TRAITS);
  assert.deepEqual(parts.map(({ n }) => n), [{ first: 0, count: 43688 }, { first: 43688, count: 6569 }]);
  await assertFails(
    () => matmulParts(shape, { ...TRAITS, maxBindingBytes: 65536 }),
    "rows of 50257 elements do not fit",
  );
});

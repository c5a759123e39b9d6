/**
 * Matrix products on WebGPU against sums in float64. Kernels meant for GPUs run here on whatever adapter there is. A product may
 * differ by what k roundings of its absolute terms allow, (k + 8) · 2⁻²⁴ · Σ|a||b|: the bound of any order of summation.
 */
import { matmul } from "../../src/device/webgpu/matmul.ts";
import type { AdapterTraits } from "../../src/device/webgpu/kernel.ts";
import { matmulParts } from "../../src/device/webgpu/matmul_ranges.ts";
import { chooseVariant } from "../../src/device/webgpu/matmul_variant.ts";
import type { Matmul } from "../../src/program/op.ts";
import { operands } from "../../src/program/op.ts";
import { elementCount, persistent } from "../../src/program/tensor.ts";
import { assert, assertFails } from "../assert.ts";
import { normals } from "./harness.ts";
import { openKernelRunner } from "./kernel_runner.ts";

const runner = await openKernelRunner();
const ignore = runner === null;
globalThis.addEventListener("unload", () => runner?.close());

type Layout = "NN" | "NT" | "TN";
type Extra = "bias" | "gelu" | "pre" | "residual" | "accumulate";
const LAYOUTS: readonly Layout[] = ["NN", "NT", "TN"];

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

function product(layout: Layout, m: number, n: number, k: number, extras: readonly Extra[] = []): Matmul {
  const has = (extra: Extra) => extras.includes(extra);
  return {
    kind: "matmul",
    a: persistent("a", layout === "TN" ? [k, m] : [m, k]),
    b: persistent("b", layout === "NT" ? [n, k] : [k, n]),
    out: persistent("out", [m, n]),
    transA: layout === "TN",
    transB: layout === "NT",
    ...(has("bias") ? { bias: persistent("bias", [n]) } : {}),
    ...(has("gelu") ? { activation: "gelu" as const } : {}),
    ...(has("pre") ? { pre: persistent("pre", [m, n]) } : {}),
    ...(has("residual") ? { residual: persistent("residual", [m, n]) } : {}),
    accumulate: has("accumulate"),
  };
}

function dataOf(op: Matmul): Map<string, Float32Array> {
  return new Map(operands(op).map(([name, { shape }], i) => [name, normals(elementCount(shape), 31 + i)]));
}

/** Runs an op and checks all that it writes; gives back the labels of its dispatches and what it wrote. */
async function check(op: Matmul, traits: Partial<AdapterTraits>): Promise<{ labels: string[]; out: Float32Array }> {
  if (!runner) throw new Error("no adapter");
  const data = dataOf(op);
  const { outputs, dispatches } = await runner.run(matmul, op, data, traits);
  const values = (name: string) => data.get(name) ?? new Float32Array(0);
  const [a, b, old, bias, residual] = ["a", "b", "out", "bias", "residual"].map(values);
  const [m, n] = op.out.shape;
  const k = op.transA ? op.a.shape[0] : op.a.shape[1];
  const out = outputs.get("out") as Float32Array;
  const pre = outputs.get("pre");
  const close = (name: string, row: number, column: number, got: number, want: number, allowed: number) => {
    if (Math.abs(got - want) <= allowed) return;
    const shape = `${m}×${n}×${k} ${op.transA ? "T" : "N"}${op.transB ? "T" : "N"}`;
    throw new Error(`${shape}: ${name}[${row}, ${column}] is ${got}, expected ${want} ± ${allowed}`);
  };
  for (let row = 0; row < m; row++) {
    for (let column = 0; column < n; column++) {
      const at = row * n + column;
      let z = op.bias ? bias[column] : 0;
      let size = Math.abs(z);
      for (let i = 0; i < k; i++) {
        const term = a[op.transA ? i * m + row : row * k + i] * b[op.transB ? column * k + i : i * n + column];
        z += term;
        size += Math.abs(term);
      }
      let allowed = (k + 8) * 2 ** -24 * size;
      if (pre) close("pre", row, column, pre[at], z, allowed);
      let y = z;
      if (op.activation) {
        y = 0.5 * z * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (z + 0.044715 * z ** 3)));
        // The slope of gelu is at most 1.13; adapters may take tanh to a few 2⁻²⁰.
        allowed = 1.13 * allowed + 2e-6 * (1 + Math.abs(z));
      }
      const added = (op.residual ? residual[at] : 0) + (op.accumulate ? old[at] : 0);
      close("out", row, column, out[at], y + added, allowed + 2 ** -22 * (Math.abs(y) + Math.abs(added)));
    }
  }
  return { labels: dispatches.map(({ label }) => label), out };
}

const SHAPES: readonly (readonly [m: number, n: number, k: number])[] = [
  [1, 1, 1],
  [3, 5, 17],
  [17, 64, 3],
  [65, 63, 129],
  [64, 128, 64],
  [33, 257, 5],
  [5, 1031, 64],
];

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
      await check(product("NN", 9, 36, 20, ["bias"]), traits);
      await check(product("NN", 20, 68, 36, ["bias", "gelu", "pre"]), traits);
      await check(product("NN", 18, 67, 9, ["bias", "gelu"]), traits);
      await check(product("NT", 40, 36, 12, ["bias", "residual"]), traits);
      await check(product("TN", 36, 68, 40, ["accumulate"]), traits);
      await check(product("TN", 18, 35, 7, ["accumulate"]), traits);
      await check(product("NT", 17, 33, 8, ["bias", "gelu", "pre", "residual", "accumulate"]), traits);
      await check(product("NN", 18, 36, 8, ["gelu", "residual", "accumulate"]), traits);
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

/**
 * Matrix products of every layout and epilogue, and their check against sums in float64, for the devices' own tests. A product may
 * differ by what k roundings of its absolute terms allow, (k + 8) · 2⁻²⁴ · Σ|a||b|: the bound of any order of summation.
 */
import type { HostArray } from "../../src/device/device.ts";
import { type Matmul, operands } from "../../src/program/op.ts";
import { elementCount, persistent } from "../../src/program/tensor.ts";
import { normals } from "./harness.ts";

export type Layout = "NN" | "NT" | "TN";
export type Extra = "bias" | "gelu" | "pre" | "residual" | "accumulate";
export const LAYOUTS: readonly Layout[] = ["NN", "NT", "TN"];

/** A product of (m, k) and (k, n). */
export function product(layout: Layout, m: number, n: number, k: number, extras: readonly Extra[] = []): Matmul {
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

/** Random values for every operand, what is added to included. */
export function dataOf(op: Matmul): Map<string, Float32Array> {
  return new Map(operands(op).map(([name, { shape }], i) => [name, normals(elementCount(shape), 31 + i)]));
}

/**
 * Throws where an element that a product has written is wrong.
 * @param data the operands before
 * @param outputs what the product has written, by operand
 */
export function checkProduct(
  op: Matmul,
  data: ReadonlyMap<string, Float32Array>,
  outputs: ReadonlyMap<string, HostArray>,
): void {
  const values = (name: string) => data.get(name) ?? new Float32Array(0);
  const [a, b, old, bias, residual] = ["a", "b", "out", "bias", "residual"].map(values);
  const [m, n] = op.out.shape;
  const k = op.transA ? op.a.shape[0] : op.a.shape[1];
  const out = outputs.get("out") ?? new Float32Array(0);
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
}

export const SHAPES: readonly (readonly [m: number, n: number, k: number])[] = [
  [1, 1, 1],
  [3, 5, 17],
  [17, 64, 3],
  [65, 63, 129],
  [64, 128, 64],
  [33, 257, 5],
  [5, 1031, 64],
];

/** Products that together use every epilogue, alone and with the others. */
export const EPILOGUES: readonly Matmul[] = [
  product("NN", 9, 36, 20, ["bias"]),
  product("NN", 20, 68, 36, ["bias", "gelu", "pre"]),
  product("NN", 18, 67, 9, ["bias", "gelu"]),
  product("NT", 40, 36, 12, ["bias", "residual"]),
  product("TN", 36, 68, 40, ["accumulate"]),
  product("TN", 18, 35, 7, ["accumulate"]),
  product("NT", 17, 33, 8, ["bias", "gelu", "pre", "residual", "accumulate"]),
  product("NN", 18, 36, 8, ["gelu", "residual", "accumulate"]),
];

/** Matmul on WebGPU: which kernel computes which op, and with what bindings. */
import type { Matmul } from "../../program/op.ts";
import type { Tensor } from "../../program/tensor.ts";
import type { AdapterTraits, Binding, Dispatch, Kernel } from "./kernel.ts";
import { expandTemplate } from "./template.ts";
import plain from "../../../kernels/webgpu/matmul.wgsl" with { type: "text" };

const ROWS = 8;

/** The epilogue of an op as WGSL: `finish(m, n, sum)` stores one element. */
function epilogue(op: Matmul): string {
  return [
    "fn finish(m: u32, n: u32, sum: f32) {",
    "  let at = m * N + n;",
    "  var y = sum;",
    op.bias && "  y += bias[n];",
    op.pre && "  pre[at] = y;",
    op.activation &&
    "  y = 0.5f * y * (1f + tanh(clamp(0.7978845608028654f * (y + 0.044715f * y * y * y), -15f, 15f)));",
    op.residual && "  y += residual[at];",
    op.accumulate ? "  out[at] += y;" : "  out[at] = y;",
    "}",
  ].filter((line) => line).join("\n");
}

function dispatches(op: Matmul, _adapter: AdapterTraits): Dispatch[] {
  const [m, n] = op.out.shape;
  const k = op.transA ? op.a.shape[0] : op.a.shape[1];
  const names = ["a", "b", "out", "bias", "pre", "residual"] as const;
  const used: [string, Tensor][] = [];
  for (const name of names) {
    const tensor = op[name];
    if (tensor) used.push([name, tensor]);
  }
  const bindings: Binding[] = used.map(([, of]) => ({ of }));
  const source = expandTemplate(plain, {
    DECLARATIONS: used.map(([name], i) => `@group(0) @binding(${i}) var<storage, read_write> ${name}: array<f32>;`)
      .join("\n"),
    EPILOGUE: epilogue(op),
    M: m,
    N: n,
    K: k,
    ROWS,
    B_INDEX: op.transB ? "n * K + k" : "k * N + n",
    A_INDEX_HEAD: op.transA ? "k * M + " : "",
    A_INDEX_TAIL: op.transA ? "" : " * K + k",
  });
  return [{ label: "matmul", source, bindings, workgroups: [Math.ceil(n / 64), Math.ceil(m / ROWS), 1] }];
}

export const matmul: Kernel<"matmul"> = { dispatches };

/**
 * The hand-written backward pass. `d` is the gradient of the residual stream: one tensor from the top of the model to the
 * bottom, to which every block's layer norm adds its share. Parameter gradients are always added (`+=`).
 */
import type { Op } from "../program/op.ts";
import { activation, type Tensor } from "../program/tensor.ts";
import type { Forward } from "./forward.ts";
import { type Build, dropoutAt, type Norm } from "./layers.ts";
import type { Arena } from "./parameters.ts";

/** Inputs of the embedding's backward pass, see embedding_order.ts. */
export interface EmbeddingOrderTensors {
  tokens: Tensor;
  order: Tensor;
  starts: Tensor;
}

/** Appends the backward pass from the gradient of the final layer norm's output. */
export function backward(
  build: Build,
  { layers, finalNorm }: Forward,
  dhidden: Tensor,
  gradients: Arena,
  buckets: EmbeddingOrderTensors,
): void {
  const { config, ops, weights } = build;
  const d = activation("dresidual", dhidden.shape);
  normBackward(build, gradients, finalNorm, dhidden, d, false);
  for (let layer = config.layers - 1; layer >= 0; layer--) {
    const { norm1, qkv, attention, lse, norm2, pre } = layers[layer];
    const name = `h.${layer}`;

    const dmlp = dropped(build, d, layer, "mlpOutput");
    const act = activation(`${name}.mlp.act`, pre.shape);
    ops.push({ kind: "gelu", x: pre, out: act });
    parameterGradients(ops, gradients, `${name}.mlp.c_proj`, act, dmlp);
    const dpre = inputGradient(ops, weights, `${name}.mlp.c_proj`, dmlp);
    ops.push({ kind: "geluBackward", x: pre, gradient: dpre });
    parameterGradients(ops, gradients, `${name}.mlp.c_fc`, norm2.out, dpre);
    normBackward(build, gradients, norm2, inputGradient(ops, weights, `${name}.mlp.c_fc`, dpre), d, true);

    const dprojected = dropped(build, d, layer, "attentionOutput");
    parameterGradients(ops, gradients, `${name}.attn.c_proj`, attention, dprojected);
    const dout = inputGradient(ops, weights, `${name}.attn.c_proj`, dprojected);
    const dqkv = activation(`${name}.attn.dqkv`, qkv.shape);
    const dropout = dropoutAt(build, layer, "attention");
    ops.push({
      kind: "attentionBackward",
      qkv,
      out: attention,
      dout,
      lse,
      dqkv,
      heads: config.heads,
      ...(dropout ? { dropout } : {}),
    });
    parameterGradients(ops, gradients, `${name}.attn.c_attn`, norm1.out, dqkv);
    normBackward(build, gradients, norm1, inputGradient(ops, weights, `${name}.attn.c_attn`, dqkv), d, true);
  }
  ops.push({
    kind: "embeddingBackward",
    ...buckets,
    dout: dropped(build, d, -1, "mlpOutput"),
    dwte: gradients.of("wte.weight"),
    dwpe: gradients.of("wpe.weight"),
  });
}

function dropped(build: Build, d: Tensor, layer: number, place: "mlpOutput" | "attentionOutput"): Tensor {
  const dropout = dropoutAt(build, layer, place);
  if (!dropout) return d;
  const out = activation(`${d.name}.${layer}.${place}`, d.shape);
  build.ops.push({ kind: "dropout", x: d, out, dropout });
  return out;
}

function parameterGradients(ops: Op[], gradients: Arena, name: string, x: Tensor, dout: Tensor): void {
  const out = gradients.of(`${name}.weight`);
  ops.push({ kind: "matmul", a: x, b: dout, out, transA: true, transB: false, accumulate: true });
  ops.push({ kind: "columnSum", x: dout, out: gradients.of(`${name}.bias`) });
}

function inputGradient(ops: Op[], weights: Arena, name: string, dout: Tensor): Tensor {
  const weight = weights.of(`${name}.weight`);
  const out = activation(`${name}.dx`, [dout.shape[0], weight.shape[0]]);
  ops.push({ kind: "matmul", a: dout, b: weight, out, transA: false, transB: true, accumulate: false });
  return out;
}

function normBackward(build: Build, gradients: Arena, norm: Norm, dout: Tensor, dx: Tensor, accumulate: boolean): void {
  const { name, x, mean, rstd } = norm;
  build.ops.push({
    kind: "layerNormBackward",
    x,
    weight: build.weights.of(`${name}.weight`),
    mean,
    rstd,
    dout,
    dx,
    accumulate,
    dweight: gradients.of(`${name}.weight`),
    dbias: gradients.of(`${name}.bias`),
  });
}

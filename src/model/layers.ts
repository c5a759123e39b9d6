/**
 * The transformer as ops: what the training, evaluation, prefill and decode programs are built from.
 * Every function appends to a list of ops; tensors are [N, C] with N = batch · sequence unless a comment says otherwise.
 */
import type { Dropout, Op } from "../program/op.ts";
import { activation, type Tensor } from "../program/tensor.ts";
import type { GptConfig } from "./config.ts";
import type { Arena } from "./parameters.ts";

/** What a builder needs to know of the model and the batch. */
export interface Build {
  readonly config: GptConfig;
  readonly weights: Arena;
  readonly ops: Op[];
  readonly batch: number;
  readonly sequence: number;
  /** Seed of dropout, u32 [2]; null outside of training. */
  readonly seed: Tensor | null;
}

/** Dropout streams: 0 is the embedding's, then three for every layer. */
export type DropoutPlace = "attention" | "attentionOutput" | "mlpOutput";

/** The dropout of a place in a layer (layer −1: after the embedding), or undefined where there is none. */
export function dropoutAt(build: Build, layer: number, place: DropoutPlace): Dropout | undefined {
  const { seed, config } = build;
  const rate = place === "attention" ? config.attentionDropout : config.hiddenDropout;
  if (!seed || rate === 0) return undefined;
  const stream = layer < 0 ? 0 : 1 + 3 * layer + ["attention", "attentionOutput", "mlpOutput"].indexOf(place);
  return { rate, stream, seed };
}

/** A layer norm with the row statistics that its backward pass needs. */
export interface Norm {
  x: Tensor;
  out: Tensor;
  mean: Tensor;
  rstd: Tensor;
  name: string;
}

/** Appends a layer norm; `name` is the parameter's prefix, as `h.0.ln_1`. */
export function layerNorm(build: Build, name: string, x: Tensor): Norm {
  const [count, width] = x.shape;
  const norm: Norm = {
    name,
    x,
    out: activation(`${name}.out`, [count, width]),
    mean: activation(`${name}.mean`, [count]),
    rstd: activation(`${name}.rstd`, [count]),
  };
  build.ops.push({
    kind: "layerNorm",
    x,
    weight: build.weights.of(`${name}.weight`),
    bias: build.weights.of(`${name}.bias`),
    out: norm.out,
    mean: norm.mean,
    rstd: norm.rstd,
    epsilon: build.config.layerNormEpsilon,
  });
  return norm;
}

/** Options of a linear layer's epilogue. */
export interface Epilogue {
  activation?: "gelu";
  /** Where to keep the value before the activation. */
  pre?: Tensor;
  residual?: Tensor;
}

/** Appends out = x · weight + bias, with an epilogue. */
export function linear(build: Build, name: string, x: Tensor, epilogue: Epilogue = {}): Tensor {
  const weight = build.weights.of(`${name}.weight`);
  const out = activation(`${name}.out`, [x.shape[0], weight.shape[1]]);
  const bias = build.weights.of(`${name}.bias`);
  build.ops.push({
    kind: "matmul",
    a: x,
    b: weight,
    out,
    transA: false,
    transB: false,
    bias,
    ...epilogue,
    accumulate: false,
  });
  return out;
}

/** Appends residual + dropout(linear(x)); without dropout the residual is added in the product's epilogue. */
export function residualLinear(
  build: Build,
  name: string,
  x: Tensor,
  residual: Tensor,
  dropout: Dropout | undefined,
): Tensor {
  if (!dropout) return linear(build, name, x, { residual });
  const projected = linear(build, name, x);
  const out = activation(`${name}.residual`, residual.shape);
  build.ops.push({ kind: "dropout", x: projected, residual, out, dropout });
  return out;
}

/** Appends the token and position embedding, with its dropout. `start` [B] shifts positions (prefill, decode). */
export function embed(build: Build, tokens: Tensor, start?: Tensor): Tensor {
  const { config, weights, batch, sequence } = build;
  const out = activation("embedding", [batch * sequence, config.hiddenSize]);
  const tables = { wte: weights.of("wte.weight"), wpe: weights.of("wpe.weight") };
  build.ops.push({ kind: "embedding", tokens, ...(start ? { start } : {}), ...tables, out });
  const dropout = dropoutAt(build, -1, "mlpOutput");
  if (!dropout) return out;
  const dropped = activation("embedding.dropout", out.shape);
  build.ops.push({ kind: "dropout", x: out, out: dropped, dropout });
  return dropped;
}

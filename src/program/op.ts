/**
 * The vocabulary of computation: one member per kernel. A device holds an implementation of every `kind`
 * (`satisfies Record<OpKind, …>`), so a new op does not compile until every device has it.
 *
 * Conventions: N = rows = batch · sequence, C = width, H = heads, D = C / H, V = vocabulary, P = positions.
 * Row n of a [N, …] tensor is sequence position n mod S of sequence ⌊n / S⌋. A written tensor overlaps no other operand.
 */
import type { Tensor } from "./tensor.ts";

/**
 * Counter-based dropout: an element is kept where its 32 random bits (see random.ts) are at least rate · 2³², and kept
 * elements are scaled by 1 / (1 − rate). `stream` tells the places of a model apart; `seed` [2] u32 changes every micro-step.
 */
export interface Dropout {
  rate: number;
  stream: number;
  seed: Tensor;
}

/** out[n] = wte[tokens[n]] + wpe[start[b] + s] (start = 0 where absent; positions past the last row take the last row). */
export interface Embedding {
  kind: "embedding";
  tokens: Tensor; // u32 (B, S)
  start?: Tensor; // u32 (B)
  wte: Tensor; // (V, C)
  wpe: Tensor; // (P, C)
  out: Tensor; // (N, C)
}

/**
 * dwte[token] += Σ dout of the rows with that token; dwpe[s] += Σ over sequences. No atomics: `order` holds the row numbers
 * sorted by token (stable) and `starts` where each distinct token's run begins in it, padded with N.
 */
export interface EmbeddingBackward {
  kind: "embeddingBackward";
  tokens: Tensor; // u32 (B, S)
  order: Tensor; // u32 (N)
  starts: Tensor; // u32 (N + 1)
  dout: Tensor; // (N, C)
  dwte: Tensor; // (V, C) +=
  dwpe: Tensor; // (P, C) +=
}

/** out = (x − mean) · rstd · weight + bias by row, variance biased, rstd = 1 / √(variance + epsilon). */
export interface LayerNorm {
  kind: "layerNorm";
  x: Tensor; // (N, C)
  weight: Tensor; // (C)
  bias: Tensor; // (C)
  out: Tensor; // (N, C)
  mean: Tensor; // (N)
  rstd: Tensor; // (N)
  epsilon: number;
}

/** dx = or += the layer norm's input gradient; dweight and dbias += column sums. */
export interface LayerNormBackward {
  kind: "layerNormBackward";
  x: Tensor; // (N, C)
  weight: Tensor; // (C)
  mean: Tensor; // (N)
  rstd: Tensor; // (N)
  dout: Tensor; // (N, C)
  dx: Tensor; // (N, C)
  accumulate: boolean;
  dweight: Tensor; // (C) +=
  dbias: Tensor; // (C) +=
}

/**
 * z = a · b (+ bias); pre = z where given; y = gelu(z) or z; y += residual where given; out = y, or += y with `accumulate`.
 * a is (M, K), or (K, M) with transA; b is (K, N), or (N, K) with transB; never both.
 */
export interface Matmul {
  kind: "matmul";
  a: Tensor;
  b: Tensor;
  out: Tensor; // (M, N)
  transA: boolean;
  transB: boolean;
  bias?: Tensor; // (N)
  activation?: "gelu";
  pre?: Tensor; // (M, N)
  residual?: Tensor; // (M, N)
  accumulate: boolean;
}

/** out += column sums of x: the gradient of a bias. */
export interface ColumnSum {
  kind: "columnSum";
  x: Tensor; // (N, C)
  out: Tensor; // (C) +=
}

/** out = gelu(x), the tanh form: ½x(1 + tanh(√(2/π)(x + 0.044715x³))). */
export interface Gelu {
  kind: "gelu";
  x: Tensor;
  out: Tensor;
}

/** gradient *= gelu′(x), in place. */
export interface GeluBackward {
  kind: "geluBackward";
  x: Tensor;
  gradient: Tensor;
}

/** out = dropout(x) (+ residual). With the gradient as x it is its own backward. Element e of x draws word e of its stream. */
export interface DropoutOp {
  kind: "dropout";
  x: Tensor;
  residual?: Tensor;
  out: Tensor;
  dropout: Dropout;
}

/**
 * Causal softmax attention, scale 1/√D, by head. qkv holds q, k, v side by side, heads within each.
 * lse is the natural log of each row's sum of exponentials. Dropout acts on the probabilities.
 */
export interface Attention {
  kind: "attention";
  qkv: Tensor; // (N, 3C)
  out: Tensor; // (N, C)
  lse: Tensor; // (B, H, S)
  heads: number;
  dropout?: Dropout;
}

/** dqkv from dout, recomputing the probabilities from lse. */
export interface AttentionBackward {
  kind: "attentionBackward";
  qkv: Tensor; // (N, 3C)
  out: Tensor; // (N, C)
  dout: Tensor; // (N, C)
  lse: Tensor; // (B, H, S)
  dqkv: Tensor; // (N, 3C)
  heads: number;
  dropout?: Dropout;
}

/**
 * losses = −log softmax(logits)[target] by row, in nats; rows whose target is IGNORE have loss 0.
 * With `gradientScale`, logits are overwritten by (softmax − onehot) · gradientScale (0 in ignored rows).
 */
export interface CrossEntropy {
  kind: "crossEntropy";
  logits: Tensor; // (N, V)
  targets: Tensor; // u32 (N)
  losses: Tensor; // (N)
  gradientScale: number | null;
}

/** out[0] = or += scale · Σ x. */
export interface Sum {
  kind: "sum";
  x: Tensor;
  out: Tensor; // (1)
  scale: number;
  accumulate: boolean;
}

/** out = [‖gradients‖₂, min(1, maxNorm / (norm + 1e-6))]; the second is 1 where maxNorm is 0 (no clipping). */
export interface GlobalNorm {
  kind: "globalNorm";
  gradients: Tensor; // (n), a whole arena
  out: Tensor; // (2)
  maxNorm: number;
}

/**
 * Decoupled weight decay Adam (Loshchilov & Hutter 2019) over a range of the parameter arena, then gradients = 0:
 * g = gradients · norm[1]; m = β₁m + (1 − β₁)g; v = β₂v + (1 − β₂)g²;
 * p −= hyper[2] · p (if decay); p −= hyper[0] · m / (√v · hyper[1] + ε).
 * hyper = [lr / (1 − β₁ᵗ), 1 / √(1 − β₂ᵗ), lr · weightDecay].
 */
export interface AdamW {
  kind: "adamW";
  parameters: Tensor; // (n)
  gradients: Tensor; // (n)
  moment1: Tensor; // (n)
  moment2: Tensor; // (n)
  norm: Tensor; // (2)
  hyper: Tensor; // (3)
  beta1: number;
  beta2: number;
  epsilon: number;
  decay: boolean;
}

/** Writes k and v of each row into the caches at position start[b] + s; positions of P and above are dropped. */
export interface CacheAppend {
  kind: "cacheAppend";
  qkv: Tensor; // (B · S, 3C)
  start: Tensor; // u32 (B)
  keys: Tensor; // (B, H, P, D)
  values: Tensor; // (B, H, P, D)
}

/** Attention of row (b, s) over cache positions 0 … start[b] + s (at most P − 1). */
export interface CachedAttention {
  kind: "cachedAttention";
  qkv: Tensor; // (B · S, 3C)
  start: Tensor; // u32 (B)
  keys: Tensor; // (B, H, P, D)
  values: Tensor; // (B, H, P, D)
  out: Tensor; // (B · S, C)
}

/**
 * Picks the next token of every sequence and moves its state on. For a running row (finished = 0):
 *  1. l = logits; where seen: l / penalty if l > 0, else l · penalty (Keskar et al. 2019, CTRL);
 *  2. l[eos] = −∞ while count < minNew;
 *  3. greedy: the largest l, the smallest id among equals. Otherwise l /= temperature; keep l ≥ the topK-th largest
 *     (0 = all; equals are kept); of those keep the largest values until their probability reaches topP (equals are kept);
 *     draw from what is left by inverse transform in id order, u = bits / 2³² of random.ts at counter (count, sequence).
 *  4. score += log softmax(logits)[token] of the untouched logits; generated[b, count] = token; count += 1; seen = 1;
 *     tokens = token; positions += 1.
 *  5. finished = 1 if token = eos, else 2 if count = maxNew or positions = P.
 * A finished row changes nothing. settings = [greedy, temperature, topK, topP, penalty, minNew, maxNew, eos (−1: none)].
 */
export interface Sample {
  kind: "sample";
  logits: Tensor; // (B, V)
  settings: Tensor; // (8)
  seed: Tensor; // u32 (2)
  sequence: Tensor; // u32 (B), the sequence's number in the whole run
  seen: Tensor; // u32 (B, V), 1 where the token occurs in the prompt or the text so far
  tokens: Tensor; // u32 (B), in: the last token fed; out: the next
  positions: Tensor; // u32 (B), in: the position of the token fed; out: the next
  count: Tensor; // u32 (B), new tokens so far
  finished: Tensor; // u32 (B)
  score: Tensor; // (B)
  generated: Tensor; // u32 (B, G), G ≥ maxNew
  maxPositions: number; // P
}

export type Op =
  | Embedding
  | EmbeddingBackward
  | LayerNorm
  | LayerNormBackward
  | Matmul
  | ColumnSum
  | Gelu
  | GeluBackward
  | DropoutOp
  | Attention
  | AttentionBackward
  | CrossEntropy
  | Sum
  | GlobalNorm
  | AdamW
  | CacheAppend
  | CachedAttention
  | Sample;

export type OpKind = Op["kind"];
export type OpOf<K extends OpKind> = Extract<Op, { kind: K }>;

/** The target of a row that does not count. */
export const IGNORE = 0xffffffff;

/** Operand names that an op of this kind writes; all others are only read. "+=" operands and in-place ones count as written. */
const WRITES: { readonly [K in OpKind]: readonly string[] } = {
  embedding: ["out"],
  embeddingBackward: ["dwte", "dwpe"],
  layerNorm: ["out", "mean", "rstd"],
  layerNormBackward: ["dx", "dweight", "dbias"],
  matmul: ["out", "pre"],
  columnSum: ["out"],
  gelu: ["out"],
  geluBackward: ["gradient"],
  dropout: ["out"],
  attention: ["out", "lse"],
  attentionBackward: ["dqkv"],
  crossEntropy: ["logits", "losses"],
  sum: ["out"],
  globalNorm: ["out"],
  adamW: ["parameters", "gradients", "moment1", "moment2"],
  cacheAppend: ["keys", "values"],
  cachedAttention: ["out"],
  sample: ["seen", "tokens", "positions", "count", "finished", "score", "generated"],
};

function isTensor(value: unknown): value is Tensor {
  return typeof value === "object" && value !== null && "storage" in value && "shape" in value;
}

/** The operands of an op by name, the dropout seed included. */
export function operands(op: Op): [name: string, tensor: Tensor][] {
  const found: [string, Tensor][] = [];
  for (const [name, value] of Object.entries(op)) {
    if (isTensor(value)) found.push([name, value]);
    else if (name === "dropout" && value) found.push(["seed", (value as Dropout).seed]);
  }
  return found;
}

/** The operands that an op writes or updates in place. */
export function writtenOperands(op: Op): [name: string, tensor: Tensor][] {
  return operands(op).filter(([name]) => WRITES[op.kind].includes(name));
}

/** The tensors that an op writes or updates in place. */
export function writes(op: Op): Tensor[] {
  return writtenOperands(op).map(([, tensor]) => tensor);
}

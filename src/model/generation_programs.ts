/**
 * The programs of generation. `prefill` runs a chunk of every prompt through the model and fills the KV caches; `decode` takes
 * the last token of every sequence, picks the next one on the device and moves the state on, so that many tokens can be made
 * between two read-backs. Sequences of a batch may have prompts of different lengths: each has a position of its own.
 */
import type { Op } from "../program/op.ts";
import { createProgram, type Program } from "../program/program.ts";
import { activation, persistent, reshape, type Tensor } from "../program/tensor.ts";
import { type Build, embed, layerNorm, linear } from "./layers.ts";
import type { ModelTensors } from "./training_programs.ts";

/** The state of a batch of sequences on the device. */
export interface GenerationState {
  readonly batch: number;
  /** Positions that the caches hold. */
  readonly positions: number;
  readonly keys: readonly Tensor[]; // (B, H, P, D) by layer
  readonly values: readonly Tensor[]; // (B, H, P, D) by layer
  readonly settings: Tensor; // (8), see the op `sample`
  readonly seed: Tensor; // u32 (2)
  readonly sequence: Tensor; // u32 (B)
  readonly seen: Tensor; // u32 (B, V)
  readonly tokens: Tensor; // u32 (B)
  readonly position: Tensor; // u32 (B)
  readonly count: Tensor; // u32 (B)
  readonly finished: Tensor; // u32 (B)
  readonly score: Tensor; // (B)
  readonly generated: Tensor; // u32 (B, G)
}

/**
 * Names the state for a batch.
 * @param positions longest prompt and continuation together, at most the model's
 * @param maxNew most new tokens of a sequence
 */
export function createGenerationState(
  model: ModelTensors,
  { batch, positions, maxNew }: { batch: number; positions: number; maxNew: number },
): GenerationState {
  const { layers, heads, hiddenSize, vocabSize } = model.config;
  const cache = (name: string) =>
    Array.from(
      { length: layers },
      (_, layer) => persistent(`h.${layer}.${name}`, [batch, heads, positions, hiddenSize / heads]),
    );
  const perSequence = (name: string) => persistent(`state.${name}`, [batch], "u32");
  return {
    batch,
    positions,
    keys: cache("keys"),
    values: cache("values"),
    settings: persistent("state.settings", [8]),
    seed: persistent("state.seed", [2], "u32"),
    sequence: perSequence("sequence"),
    seen: persistent("state.seen", [batch, vocabSize], "u32"),
    tokens: perSequence("tokens"),
    position: perSequence("position"),
    count: perSequence("count"),
    finished: perSequence("finished"),
    score: persistent("state.score", [batch]),
    generated: persistent("state.generated", [batch, maxNew], "u32"),
  };
}

/** Appends the layers over the caches; row (b, s) is position start[b] + s. Without `lastOutput` the last layer only fills its cache. */
function cachedLayers(
  build: Build,
  state: GenerationState,
  tokens: Tensor,
  start: Tensor,
  lastOutput: boolean,
): Tensor {
  const { config, ops } = build;
  let x = embed(build, tokens, start);
  for (let layer = 0; layer < config.layers; layer++) {
    const name = `h.${layer}`;
    const qkv = linear(build, `${name}.attn.c_attn`, layerNorm(build, `${name}.ln_1`, x).out);
    const caches = { keys: state.keys[layer], values: state.values[layer] };
    ops.push({ kind: "cacheAppend", qkv, start, ...caches });
    if (!lastOutput && layer === config.layers - 1) break;
    const attention = activation(`${name}.attn.out`, x.shape);
    ops.push({ kind: "cachedAttention", qkv, start, ...caches, out: attention });
    const middle = linear(build, `${name}.attn.c_proj`, attention, { residual: x });
    const hidden = layerNorm(build, `${name}.ln_2`, middle).out;
    const act = linear(build, `${name}.mlp.c_fc`, hidden, { activation: "gelu" });
    x = linear(build, `${name}.mlp.c_proj`, act, { residual: middle });
  }
  return x;
}

export interface Prefill {
  readonly program: Program;
  readonly tokens: Tensor; // u32 (B, S), padded with 0
  readonly start: Tensor; // u32 (B)
}

/**
 * Prefill of a chunk of `sequence` tokens per sequence at positions from `start`. Padding behind a prompt's end writes cache
 * entries that decoding overwrites before it reads them.
 */
export function buildPrefill(model: ModelTensors, state: GenerationState, sequence: number): Prefill {
  const { batch } = state;
  const tokens = persistent("prefill.tokens", [batch, sequence], "u32");
  const start = persistent("prefill.start", [batch], "u32");
  const ops: Op[] = [];
  cachedLayers({ ...model, ops, batch, sequence, seed: null }, state, tokens, start, false);
  return { program: createProgram("prefill", ops), tokens, start };
}

/** One step of decoding: feeds every sequence's last token and picks its next one. */
export function buildDecode(model: ModelTensors, state: GenerationState): Program {
  const { batch, positions } = state;
  const ops: Op[] = [];
  const build: Build = { ...model, ops, batch, sequence: 1, seed: null };
  const x = cachedLayers(build, state, reshape(state.tokens, [batch, 1]), state.position, true);
  const hidden = layerNorm(build, "ln_f", x).out;
  const logits = activation("logits", [batch, model.config.vocabSize]);
  const b = model.weights.of("wte.weight");
  ops.push({ kind: "matmul", a: hidden, b, out: logits, transA: false, transB: true, accumulate: false });
  const { settings, seed, sequence, seen, tokens, count, finished, score, generated } = state;
  ops.push({
    kind: "sample",
    logits,
    settings,
    seed,
    sequence,
    seen,
    tokens,
    positions: state.position,
    count,
    finished,
    score,
    generated,
    maxPositions: positions,
  });
  return createProgram("decode", ops);
}

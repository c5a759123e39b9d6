/** The programs of training: micro-step (forward, loss, backward, gradients +=), update (norm, clip, AdamW) and evaluation. */
import type { Op } from "../program/op.ts";
import { createProgram, type Program } from "../program/program.ts";
import { activation, persistent, type Tensor } from "../program/tensor.ts";
import { backward } from "./backward.ts";
import type { GptConfig } from "./config.ts";
import { forward } from "./forward.ts";
import { headLoss } from "./head.ts";
import type { Build } from "./layers.ts";
import { type Arena, arenaRange, createArena, type ParameterTable, parameterTable } from "./parameters.ts";

/** A batch's shape. */
export interface BatchShape {
  /** Sequences. */
  batch: number;
  /** Tokens per sequence. */
  sequence: number;
}

/** A model's parameters on a device; gradients and moments only where it is trained. */
export interface ModelTensors {
  readonly config: GptConfig;
  readonly table: ParameterTable;
  readonly weights: Arena;
}

/** Names the parameters of a model. */
export function createModel(config: GptConfig): ModelTensors {
  const table = parameterTable(config);
  return { config, table, weights: createArena(table, "parameters") };
}

/** What AdamW keeps. */
export interface OptimizerTensors {
  readonly gradients: Arena;
  readonly moment1: Arena;
  readonly moment2: Arena;
}

/** Names the gradients and moments of a model. */
export function createOptimizer(table: ParameterTable): OptimizerTensors {
  return {
    gradients: createArena(table, "gradients"),
    moment1: createArena(table, "moment1"),
    moment2: createArena(table, "moment2"),
  };
}

export interface MicroStep {
  readonly program: Program;
  readonly tokens: Tensor; // u32 (B, S)
  readonly targets: Tensor; // u32 (B·S)
  readonly order: Tensor; // u32 (B·S)
  readonly starts: Tensor; // u32 (B·S + 1)
  /** Dropout seed, u32 [2]. */
  readonly seed: Tensor;
  /** Mean loss of the step so far: += this micro-batch's share. The host sets it to 0 before a step. */
  readonly loss: Tensor; // (1)
}

/**
 * The micro-step: adds 1/accumulation of the mean loss to `loss` and of its gradient to the gradients.
 * @param accumulation micro-steps in one optimizer step
 */
export function buildMicroStep(
  model: ModelTensors,
  optimizer: OptimizerTensors,
  { batch, sequence }: BatchShape,
  accumulation: number,
): MicroStep {
  const count = batch * sequence;
  const inputs = {
    tokens: persistent("tokens", [batch, sequence], "u32"),
    targets: persistent("targets", [count], "u32"),
    order: persistent("order", [count], "u32"),
    starts: persistent("starts", [count + 1], "u32"),
    seed: persistent("dropoutSeed", [2], "u32"),
    loss: persistent("loss", [1]),
  };
  const ops: Op[] = [];
  const build: Build = { ...model, ops, batch, sequence, seed: inputs.seed };
  const states = forward(build, inputs.tokens);
  const hidden = states.finalNorm.out;
  const losses = activation("losses", [count]);
  const dhidden = activation("dhidden", hidden.shape);
  const scale = 1 / (count * accumulation);
  const wte = model.weights.of("wte.weight");
  const { targets, loss } = inputs;
  const dwte = optimizer.gradients.of("wte.weight");
  headLoss(ops, { hidden, wte, targets, losses, gradient: { dhidden, dwte, scale } });
  ops.push({ kind: "sum", x: losses, out: loss, scale, accumulate: true });
  backward(build, states, dhidden, optimizer.gradients, inputs);
  return { program: createProgram("microStep", ops), ...inputs };
}

/** Constants of AdamW and clipping. */
export interface AdamWOptions {
  beta1: number;
  beta2: number;
  epsilon: number;
  /** Clip the gradient to this norm; 0 for no clipping. */
  maxNorm: number;
}

export interface Update {
  readonly program: Program;
  /** Gradient norm before clipping, and the factor that clipping applied. */
  readonly norm: Tensor; // (2)
  /** Step size, moment correction and decay; see `hyperOf`. */
  readonly hyper: Tensor; // (3)
}

/** The update: global norm, clipping, AdamW over the arena, gradients set to zero. */
export function buildUpdate(model: ModelTensors, optimizer: OptimizerTensors, options: AdamWOptions): Update {
  const norm = persistent("gradNorm", [2]);
  const hyper = persistent("hyper", [3]);
  const { beta1, beta2, epsilon, maxNorm } = options;
  const { decayElements, elements } = model.table;
  const step = (start: number, end: number, decay: boolean): Op => ({
    kind: "adamW",
    parameters: arenaRange(model.weights, start, end),
    gradients: arenaRange(optimizer.gradients, start, end),
    moment1: arenaRange(optimizer.moment1, start, end),
    moment2: arenaRange(optimizer.moment2, start, end),
    norm,
    hyper,
    beta1,
    beta2,
    epsilon,
    decay,
  });
  const program = createProgram("update", [
    { kind: "globalNorm", gradients: optimizer.gradients.whole, out: norm, maxNorm },
    step(0, decayElements, true),
    step(decayElements, elements, false),
  ]);
  return { program, norm, hyper };
}

/**
 * The numbers that AdamW needs at an optimizer step.
 * @param step 1 for the first
 */
export function hyperOf(
  step: number,
  learningRate: number,
  weightDecay: number,
  { beta1, beta2 }: AdamWOptions,
): Float32Array {
  return Float32Array.of(
    learningRate / (1 - beta1 ** step),
    1 / Math.sqrt(1 - beta2 ** step),
    learningRate * weightDecay,
  );
}

export interface Evaluation {
  readonly program: Program;
  readonly tokens: Tensor; // u32 (B, S)
  /** Targets; rows with IGNORE do not count. */
  readonly targets: Tensor; // u32 (B·S)
  /** Summed loss in nats: += this batch's. */
  readonly loss: Tensor; // (1)
}

/** Evaluation: adds a batch's summed loss (not its mean) to `loss`, without dropout. */
export function buildEvaluation(model: ModelTensors, { batch, sequence }: BatchShape): Evaluation {
  const tokens = persistent("eval.tokens", [batch, sequence], "u32");
  const targets = persistent("eval.targets", [batch * sequence], "u32");
  const loss = persistent("eval.loss", [1]);
  const ops: Op[] = [];
  const { finalNorm } = forward({ ...model, ops, batch, sequence, seed: null }, tokens);
  const losses = activation("losses", [batch * sequence]);
  headLoss(ops, { hidden: finalNorm.out, wte: model.weights.of("wte.weight"), targets, losses });
  ops.push({ kind: "sum", x: losses, out: loss, scale: 1, accumulate: true });
  return { program: createProgram("evaluate", ops), tokens, targets, loss };
}

export interface LogitsProgram {
  readonly program: Program;
  readonly tokens: Tensor; // u32 (B, S)
  readonly logits: Tensor; // (B·S, V)
}

/** Whole logits of a short batch: for looking into a model. */
export function buildLogits(model: ModelTensors, { batch, sequence }: BatchShape): LogitsProgram {
  const tokens = persistent("logits.tokens", [batch, sequence], "u32");
  const logits = persistent("logits", [batch * sequence, model.config.vocabSize]);
  const ops: Op[] = [];
  const { finalNorm } = forward({ ...model, ops, batch, sequence, seed: null }, tokens);
  const b = model.weights.of("wte.weight");
  ops.push({ kind: "matmul", a: finalNorm.out, b, out: logits, transA: false, transB: true, accumulate: false });
  return { program: createProgram("logits", ops), tokens, logits };
}

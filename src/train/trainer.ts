/**
 * A trainer holds a model's training programs on a device. It knows batches and steps, not files or options. The numbers of a
 * step depend only on (weights, optimizer state, seed, step), so a run can stop after any step and go on with the same bits.
 */
import { type Device, type Executable, type MemoryUse, readFloats } from "../device/device.ts";
import { sortTokens } from "../model/embedding_order.ts";
import {
  type AdamWOptions,
  buildEvaluation,
  buildMicroStep,
  buildUpdate,
  createOptimizer,
  type Evaluation,
  hyperOf,
  type ModelTensors,
  type OptimizerTensors,
} from "../model/training_programs.ts";
import { programCost } from "../program/cost.ts";
import type { Program } from "../program/program.ts";
import { IGNORE } from "../program/op.ts";
import { threefry } from "../program/random.ts";
import { learningRate, type ScheduleOptions } from "./schedule.ts";

/** Token ids of some samples, row-major [count, sequence]. */
export interface Batch {
  inputs: Uint32Array;
  targets: Uint32Array;
}

/** Samples by their place in the order of consumption; training goes on for ever, other parts end at `samples`. */
export interface SampleSource {
  readonly samples: number;
  /** The samples numbered `first` to `first + count − 1`. */
  readBatch(first: number, count: number): Batch;
}

export interface TrainerOptions {
  /** Samples computed at once. */
  microBatchSize: number;
  /** Micro-batches in an optimizer step. */
  accumulation: number;
  /** Tokens per sample. */
  sequence: number;
  schedule: ScheduleOptions;
  adamW: AdamWOptions;
  weightDecay: number;
  /** Seed of dropout. */
  seed: number;
}

/** What a finished step can tell. */
export interface StepResult {
  /** Mean cross-entropy of the step's tokens in nats. */
  loss: number;
  /** Global norm of the gradient before clipping. */
  gradNorm: number;
  learningRate: number;
}

/** Loss over a part of the data. */
export interface EvaluationResult {
  /** Mean nats per token. */
  loss: number;
  /** Tokens that were predicted. */
  tokens: number;
  /** loss · tokens / (ln 2 · bytes of text); null without a tokenizer. */
  bitsPerByte: number | null;
}

export interface EvaluationOptions {
  /** Micro-batches at most. */
  batches: number;
  /** Bytes of text that an id stands for; null without a tokenizer. */
  byteLength: ((id: number) => number) | null;
  onProgress?: (samples: number, total: number) => void;
  signal?: AbortSignal;
}

export interface Trainer extends Disposable {
  readonly device: Device;
  readonly model: ModelTensors;
  readonly optimizer: OptimizerTensors;
  readonly options: TrainerOptions;
  readonly memory: MemoryUse;
  /** The floating-point operations of an optimizer step, evaluation not counted. */
  readonly flopsPerStep: number;
  /** Hands optimizer step `step` (1 for the first) to the device; its samples follow those of step − 1. */
  step(step: number, samples: SampleSource): void;
  /** Waits for the last step. */
  result(): Promise<StepResult>;
  /** Evaluates on the first samples of a part. @throws the signal's reason, when it is aborted. */
  evaluate(samples: SampleSource, options: EvaluationOptions): Promise<EvaluationResult>;
}

function trainerPrograms(model: ModelTensors, options: TrainerOptions) {
  const shape = { batch: options.microBatchSize, sequence: options.sequence };
  const optimizer = createOptimizer(model.table);
  const micro = buildMicroStep(model, optimizer, shape, options.accumulation);
  const update = buildUpdate(model, optimizer, options.adamW);
  const evaluation = buildEvaluation(model, shape);
  const programs: readonly Program[] = [micro.program, update.program, evaluation.program];
  return { optimizer, micro, update, evaluation, programs };
}

/**
 * Compiles a model's training programs for a device. Weights and optimizer state are the caller's to write.
 * @throws {DeviceError} where the plan does not fit the device.
 */
export async function createTrainer(device: Device, model: ModelTensors, options: TrainerOptions): Promise<Trainer> {
  const { optimizer, micro, update, evaluation, programs } = trainerPrograms(model, options);
  const memory = device.estimate(programs);
  const [microRun, updateRun, evaluationRun] = await device.compile(programs);
  const { microBatchSize, accumulation, sequence } = options;
  let rate = 0;

  return {
    device,
    model,
    optimizer,
    options,
    memory,
    flopsPerStep: programCost(micro.program).flops * options.accumulation + programCost(update.program).flops,
    step(step, samples) {
      device.write(micro.loss, Float32Array.of(0));
      for (let i = 0; i < accumulation; i++) {
        const number = (step - 1) * accumulation + i;
        const { inputs, targets } = samples.readBatch(number * microBatchSize, microBatchSize);
        const { order, starts } = sortTokens(inputs);
        device.write(micro.tokens, inputs);
        device.write(micro.targets, targets);
        device.write(micro.order, order);
        device.write(micro.starts, starts);
        device.write(
          micro.seed,
          Uint32Array.from(threefry(options.seed, 0, number % 2 ** 32, Math.floor(number / 2 ** 32))),
        );
        microRun.run();
      }
      rate = learningRate(step, options.schedule);
      device.write(update.hyper, hyperOf(step, rate, options.weightDecay, options.adamW));
      updateRun.run();
    },
    async result() {
      const [[loss], [gradNorm]] = await device.read([micro.loss, update.norm]);
      return { loss, gradNorm, learningRate: rate };
    },
    evaluate: (samples, how) =>
      evaluate(device, { ...evaluation, executable: evaluationRun, microBatchSize, sequence }, samples, how),
    [Symbol.dispose]() {
      for (const executable of [microRun, updateRun, evaluationRun]) executable[Symbol.dispose]();
    },
  };
}

/** A compiled evaluation program and the shape of its batches. */
export interface CompiledEvaluation extends Evaluation {
  executable: Executable;
  microBatchSize: number;
  sequence: number;
}

/** Evaluates `samples` with a compiled program; the last batch is filled up with rows that do not count. */
export async function evaluate(
  device: Device,
  { executable, tokens, targets, loss, microBatchSize, sequence }: CompiledEvaluation,
  samples: SampleSource,
  { batches, byteLength, onProgress, signal }: EvaluationOptions,
): Promise<EvaluationResult> {
  let [total, count, bytes] = [0, 0, 0];
  const end = Math.min(samples.samples, batches * microBatchSize);
  for (let first = 0; first < end; first += microBatchSize) {
    signal?.throwIfAborted();
    const batch = samples.readBatch(first, Math.min(microBatchSize, end - first));
    const padded = {
      inputs: new Uint32Array(microBatchSize * sequence),
      targets: new Uint32Array(microBatchSize * sequence).fill(IGNORE),
    };
    padded.inputs.set(batch.inputs);
    padded.targets.set(batch.targets);
    device.write(loss, Float32Array.of(0));
    device.write(tokens, padded.inputs);
    device.write(targets, padded.targets);
    executable.run();
    count += batch.targets.length;
    if (byteLength) { for (const id of batch.targets) bytes += byteLength(id); }
    total += (await readFloats(device, loss))[0];
    onProgress?.(Math.min(first + microBatchSize, end), end);
    await letOthersRun();
  }
  const bitsPerByte = byteLength && bytes > 0 ? total / (Math.LN2 * bytes) : null;
  return { loss: total / count, tokens: count, bitsPerByte };
}

/** Gives signals and timers their turn: reads may be answered without the event loop. */
export function letOthersRun(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

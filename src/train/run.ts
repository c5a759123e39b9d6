/**
 * A training run from its options to its last checkpoint: opens the data, settles the model, resumes or begins, and writes
 * checkpoints and metrics.jsonl to the output folder. What is shown to people is the caller's, through `RunEvents`.
 */
import {
  loadOptimizer,
  loadWeights,
  readTrainerState,
  saveCheckpoint,
  type TrainerState,
} from "../checkpoint/checkpoint.ts";
import { checkpointPath, checkpointSteps, mendCheckpoints } from "../checkpoint/find.ts";
import { readBatch } from "../dataset/batch.ts";
import { type Dataset, type DatasetPart, openDataset } from "../dataset/dataset.ts";
import type { Device } from "../device/device.ts";
import { UserError } from "../errors.ts";
import { partialName, reason } from "../files.ts";
import { initialValues } from "../model/parameters.ts";
import { createModel, type ModelTensors } from "../model/training_programs.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { type LoggedStep, type LoopOptions, runTraining } from "./loop.ts";
import { openMetrics } from "./metrics.ts";
import { chooseModel, type ModelOptions } from "./model_choice.ts";
import {
  createTrainer,
  type EvaluationResult,
  type SampleSource,
  type Trainer,
  type TrainerOptions,
} from "./trainer.ts";

export interface RunOptions extends Omit<LoopOptions, "startStep" | "evaluateFirst">, Omit<TrainerOptions, "sequence"> {
  inputDir: string;
  outputDir: string;
  /** Weights of train, valid and test. */
  split: readonly number[];
  model: ModelOptions;
  /** Go on from the newest checkpoint in `outputDir`. */
  resume: boolean;
}

/** What a run tells while it goes. */
export interface RunEvents {
  /** Everything is ready; the first step follows. */
  onStart(run: StartedRun): void | Promise<void>;
  onStep(step: LoggedStep): void | Promise<void>;
  onEvaluation(step: number, result: EvaluationResult | null): void | Promise<void>;
  onSave(step: number, directory: string): void | Promise<void>;
}

export interface StartedRun {
  readonly trainer: Trainer;
  readonly model: ModelTensors;
  readonly dataset: Dataset;
  readonly tokenizer: Tokenizer | null;
  /** Steps done before this session. */
  readonly startStep: number;
  /** Differences to the options of the session before that change the numbers from here on. */
  readonly notes: readonly string[];
}

/** How a run ended. */
export interface RunResult {
  step: number;
  /** The last checkpoint. */
  checkpoint: string;
}

/** Where the tokenizer of a dataset comes from: its name in the data's description is the caller's to resolve. */
export type TokenizerOf = (dataset: Dataset) => Promise<Tokenizer | null>;

/**
 * Trains until `maxSteps` or until `signal` aborts; the last step is saved either way.
 * @throws {UserError} for options that do not fit each other, the data or the checkpoint; {DeviceError} for the device's.
 */
export async function train(
  openDevice: () => Promise<Device>,
  options: RunOptions,
  tokenizerOf: TokenizerOf,
  events: RunEvents,
  signal: AbortSignal,
): Promise<RunResult> {
  const { inputDir, outputDir, split, model: modelOptions, seed } = options;
  const { maxSeqLen } = modelOptions;
  const parts = split[1] > 0 ? ["train", "valid"] as const : ["train"] as const;
  const view = { maxSeqLen, split, seed, parts };
  const choice = await openDataset(inputDir, view).then((opened) => {
    using dataset = opened;
    return chooseModel(modelOptions, dataset);
  });
  // Opened again with the vocabulary: files without a description may hold any ids.
  using dataset = await openDataset(inputDir, { ...view, vocabSize: choice.config.vocabSize });
  const model = createModel(choice.config);
  const tokenizer = await tokenizerOf(dataset);
  if (tokenizer && tokenizer.vocabSize > model.config.vocabSize) {
    throw new UserError(`the tokenizer ${tokenizer.name} has ${tokenizer.vocabSize} ids`, {
      expected: `at most the model's vocabulary of ${model.config.vocabSize}`,
    });
  }
  mendCheckpoints(outputDir);
  const resumed = findResumed(options);
  const description = describeRun(options, model, dataset);
  const notes = resumed ? compareRuns(resumed.state.run, description) : [];
  makeOutputFolder(outputDir);

  await using device = await openDevice();
  // Devices, and builds of one device, round differently.
  const run = { ...description, device: device.name };
  const state = (step: number): TrainerState => ({ format: "codekiln-trainer-1", step, run });
  const deviceBefore = resumed?.state.run.device ?? device.name;
  if (deviceBefore !== device.name) notes.push(`device was ${deviceBefore} and is ${device.name} from here on`);
  using trainer = await createTrainer(device, model, { ...options, sequence: maxSeqLen });
  const startStep = resumed?.state.step ?? 0;
  if (resumed) {
    loadWeights(resumed.directory, device, model);
    loadOptimizer(resumed.directory, device, model, trainer.optimizer);
  } else if (choice.checkpoint) loadWeights(choice.checkpoint, device, model);
  else writeInitialWeights(device, model, seed);

  using metrics = openMetrics(`${outputDir}/metrics.jsonl`, startStep);
  await events.onStart({ trainer, model, dataset, tokenizer, startStep, notes });
  const trainPart = dataset.part("train");
  if (!trainPart) throw new UserError("the training part is absent", { where: `--split ${split}` });
  const valid = dataset.part("valid");
  const data = {
    train: sourceOf(trainPart),
    valid: valid && sourceOf(valid),
    byteLength: tokenizer && ((id: number) => id < tokenizer.vocabSize ? tokenizer.byteLength(id) : 0),
  };
  const evaluateFirst = valid !== null && startStep > 0 && startStep % options.evalFreq === 0 &&
    metrics.evaluatedStep < startStep;
  const step = await runTraining(trainer, data, { ...options, startStep, evaluateFirst }, {
    async onStep(logged) {
      metrics.append({
        step: logged.step,
        loss: logged.loss,
        grad_norm: logged.gradNorm,
        lr: logged.learningRate,
        tokens: logged.tokens,
        tokens_per_second: Math.round(logged.tokensPerSecond),
        step_ms: Math.round(logged.stepMs * 100) / 100,
        time: new Date().toISOString(),
      });
      await events.onStep(logged);
    },
    async onEvaluation(step, result) {
      if (result) metrics.append({ step, valid_loss: result.loss, valid_bits_per_byte: result.bitsPerByte });
      await events.onEvaluation(step, result);
    },
    async onSave(step) {
      const directory = checkpointPath(outputDir, step);
      const training = { optimizer: trainer.optimizer, state: state(step) };
      await saveCheckpoint(directory, { device, model, tokenizer, training });
      await events.onSave(step, directory);
    },
  }, signal);
  return { step, checkpoint: checkpointPath(outputDir, step) };
}

/** A dataset's part as a source of samples. */
export function sourceOf(part: DatasetPart): SampleSource {
  return { samples: part.samples, readBatch: (first, count) => readBatch(part, first, count) };
}

/** Makes the output folder and sees that it can be written, so that no checkpoint fails after hours. */
function makeOutputFolder(outputDir: string): void {
  const probe = partialName(`${outputDir}/metrics.jsonl`);
  try {
    Deno.mkdirSync(outputDir, { recursive: true });
    Deno.writeFileSync(probe, new Uint8Array());
    Deno.removeSync(probe);
  } catch (cause) {
    throw new UserError(`cannot be written to: ${reason(cause)}`, { where: `--output_dir ${outputDir}`, cause });
  }
}

function writeInitialWeights(device: Device, model: ModelTensors, seed: number): void {
  for (const parameter of model.table.parameters) {
    device.write(model.weights.of(parameter.name), initialValues(model.config, parameter, seed));
  }
}

function findResumed({ resume, outputDir }: RunOptions): { directory: string; state: TrainerState } | null {
  const newest = checkpointSteps(outputDir).at(-1);
  if (!resume) {
    if (newest === undefined) return null;
    throw new UserError("there is a run in this folder already", {
      where: outputDir,
      hint: "give --resume to go on with it, or another --output_dir",
    });
  }
  if (newest === undefined) {
    throw new UserError("there is no checkpoint to resume from", {
      where: outputDir,
      expected: "a folder model_<step>",
      hint: "leave --resume out to begin",
    });
  }
  const directory = checkpointPath(outputDir, newest);
  return { directory, state: readTrainerState(directory) };
}

/** Everything that the numbers of a run depend on. */
function describeRun(options: RunOptions, { config }: ModelTensors, dataset: Dataset): TrainerState["run"] {
  const { schedule, adamW } = options;
  return {
    data: dataset.fingerprint,
    split: options.split.join(),
    max_seq_len: options.model.maxSeqLen,
    global_batch_size: options.microBatchSize * options.accumulation,
    micro_batch_size: options.microBatchSize,
    seed: options.seed,
    num_layers: config.layers,
    hidden_size: config.hiddenSize,
    num_heads: config.heads,
    vocab_size: config.vocabSize,
    hidden_dropout_prob: config.hiddenDropout,
    attention_probs_dropout_prob: config.attentionDropout,
    max_lr: schedule.maxLr,
    min_lr: schedule.minLr,
    warmup_rate: schedule.warmupRate,
    decay_steps: schedule.decaySteps,
    lr_decay_style: schedule.style,
    weight_decay: options.weightDecay,
    grad_clip: adamW.maxNorm,
    adam_beta1: adamW.beta1,
    adam_beta2: adamW.beta2,
    adam_epsilon: adamW.epsilon,
  };
}

/** A resumed run must have these as before: they say which samples a step sees, or what the checkpoint's tensors are. */
const FIXED = new Set([
  "data",
  "split",
  "max_seq_len",
  "global_batch_size",
  "seed",
  "num_layers",
  "hidden_size",
  "num_heads",
  "vocab_size",
]);

function compareRuns(before: TrainerState["run"], now: TrainerState["run"]): string[] {
  const notes: string[] = [];
  for (const [name, value] of Object.entries(now)) {
    const old = before[name];
    if (old === value) continue;
    if (FIXED.has(name)) {
      const where = name === "data" ? "--input_dir" : `--${name}`;
      const what = name === "data" ? "the data have changed since the checkpoint" : `is ${value}, was ${old}`;
      throw new UserError(what, { where, hint: "a run resumes with the same data, model, batches and seed" });
    }
    notes.push(`${name} was ${old} and is ${value} from here on`);
  }
  return notes;
}

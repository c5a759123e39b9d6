/** Runs a training and tells about it on stderr: the model, the memory, steps, evaluations, sample texts, checkpoints. */

import { checkpointPath, checkpointSteps } from "../checkpoint/find.ts";
import { partialName, reason } from "../files.ts";
import { MAX_HEAP_BYTES } from "../device/cpu/memory.ts";
import { DeviceError, UserError } from "../errors.ts";
import { createGenerator } from "../generate/generator.ts";
import { DEFAULT_SAMPLING } from "../generate/settings.ts";
import { continueTexts, promptIds } from "../generate/texts.ts";
import { type RunOptions, type RunResult, type StartedRun, train } from "../train/run.ts";
import { findDataTokenizer, type TokenizerSources } from "./checkpoint_tokenizer.ts";
import type { CommandContext } from "./command.ts";
import { openNotedDevice } from "./open_device.ts";
import { formatBytes, formatCount, type Progress, startProgress, stderrProgressOutput } from "./progress.ts";
import { savedOptions, type TrainOptions } from "./train_options.ts";

/** Options of a run on token files. */
export type TrainOnData = TrainOptions & { readonly input_dir: string };

/** New tokens of a sample text at an evaluation. */
const SAMPLE_TOKENS = 64;

/**
 * Trains and reports.
 */
export async function trainWithReports(
  options: TrainOnData,
  context: CommandContext,
): Promise<RunResult> {
  const prompts = options.test_file === null ? [] : readPrompts(options.test_file);
  const output = stderrProgressOutput();
  let started: StartedRun | null = null;
  let progress: Progress | null = null;
  const note = (line: string) => progress ? progress.note(line) : context.note(line);
  try {
    const result = await train(
      () => openNotedDevice(options, note),
      runOptions(options),
      (dataset) => findDataTokenizer(dataset, tokenizerSources(options), note),
      {
        onStart(run) {
          started = run;
          if (prompts.length > 0 && !run.tokenizer) {
            throw new UserError("cannot be continued without the tokenizer of the data", {
              where: `--test_file ${options.test_file}`,
              hint: "name it with --vocab_file and --merge_file, or leave --test_file out",
            });
          }
          writeOptions(`${options.output_dir}/options.json`, options);
          describeStart(run, options).forEach(context.note);
          progress = startProgress(
            { label: "training", unit: "steps", total: options.max_steps - run.startStep },
            output,
          );
        },
        onStep({ step, loss, tokensPerSecond }) {
          const extra = `step ${step}  loss ${loss.toFixed(4)}  ${formatCount(tokensPerSecond)} tokens/s`;
          progress?.update(step - (started?.startStep ?? 0), { extra });
        },
        async onEvaluation(step, result) {
          if (result) {
            const bits = result.bitsPerByte === null ? "" : `, ${result.bitsPerByte.toFixed(3)} bits per byte`;
            note(`step ${step}: validation loss ${result.loss.toFixed(4)}${bits}`);
          }
          if (started && prompts.length > 0) await writeSamples(started, prompts, options.seed, note, context.signal);
        },
        onSave: (step, directory) => note(`step ${step}: saved ${directory}`),
      },
      context.signal,
    );
    if (context.signal.aborted) note(`stopped after step ${result.step}; --resume goes on from there`);
    else (progress as Progress | null)?.finish();
    return result;
  } finally {
    (progress as Progress | null)?.[Symbol.dispose]();
  }
}

/** A resumed run's own checkpoint has its tokenizer, also where the data's has been moved since. */
export function tokenizerSources(options: TrainOptions): TokenizerSources {
  const newest = options.resume ? checkpointSteps(options.output_dir).at(-1) : undefined;
  return {
    vocabFile: options.vocab_file,
    mergeFile: options.merge_file,
    checkpoint: newest === undefined ? options.model_name_or_path : checkpointPath(options.output_dir, newest),
  };
}

function runOptions(options: TrainOnData): RunOptions {
  return {
    inputDir: options.input_dir,
    outputDir: options.output_dir,
    split: options.split,
    model: {
      modelNameOrPath: options.model_name_or_path,
      layers: options.num_layers,
      hiddenSize: options.hidden_size,
      heads: options.num_heads,
      vocabSize: options.vocab_size,
      maxSeqLen: options.max_seq_len,
      hiddenDropout: options.hidden_dropout_prob,
      attentionDropout: options.attention_probs_dropout_prob,
    },
    resume: options.resume,
    microBatchSize: options.micro_batch_size,
    accumulation: options.accumulationSteps,
    schedule: {
      maxLr: options.max_lr,
      minLr: options.min_lr,
      warmupRate: options.warmup_rate,
      decaySteps: options.decay_steps,
      style: options.lr_decay_style,
    },
    adamW: {
      beta1: options.adam_beta1,
      beta2: options.adam_beta2,
      epsilon: options.adam_epsilon,
      maxNorm: options.grad_clip,
    },
    weightDecay: options.weight_decay,
    seed: options.seed,
    maxSteps: options.max_steps,
    loggingFreq: options.logging_freq,
    evalFreq: options.eval_freq,
    evalIters: options.eval_iters,
    saveSteps: options.save_steps,
  };
}

function describeStart({ model, dataset, trainer, startStep, notes }: StartedRun, options: TrainOnData): string[] {
  const { config, table } = model;
  const { microBatchSize, accumulation, sequence } = trainer.options;
  const perStep = microBatchSize * accumulation * sequence;
  const samples = dataset.part("train")?.samples ?? 0;
  const steps = options.max_steps - startStep;
  const use = trainer.memory;
  return [
    `model: ${formatCount(table.count)} parameters, ${config.layers} layers, width ${config.hiddenSize}, ` +
    `${config.heads} heads, vocabulary ${config.vocabSize}, ${config.maxPositions} positions`,
    `data: ${formatCount(dataset.tokens)} tokens in ${formatCount(dataset.documents)} documents; ` +
    `${formatCount(samples)} training samples of ${sequence} tokens`,
    `a step: ${microBatchSize} samples × ${accumulation}, ${formatCount(perStep)} tokens, ` +
    `${(trainer.flopsPerStep / 1e9).toPrecision(3)} GFLOP; ${formatCount(steps)} steps, ` +
    `${(steps * perStep / (samples * sequence)).toPrecision(3)} epochs`,
    `device: ${trainer.device.name}`,
    `memory: ${formatBytes(use.persistentBytes)} for weights, gradients and moments, ` +
    `${formatBytes(use.activationBytes)} for activations` +
    (trainer.device.kind === "cpu" ? `; the CPU device holds at most ${formatBytes(MAX_HEAP_BYTES)}` : ""),
    ...(startStep > 0 ? [`resuming after step ${startStep}`] : []),
    ...notes.map((line) => `note: ${line}`),
    ...(steps <= 0 ? ["note: --max_steps is reached already; nothing is left to train"] : []),
  ];
}

function writeOptions(path: string, options: TrainOptions): void {
  Deno.writeTextFileSync(partialName(path), JSON.stringify(savedOptions(options), null, 2) + "\n");
  Deno.renameSync(partialName(path), path);
}

function readPrompts(path: string): string[] {
  let prompts: string[];
  try {
    prompts = Deno.readTextFileSync(path).split(/\r?\n/).filter((line) => line.length > 0);
  } catch (cause) {
    throw new UserError(`cannot be read: ${reason(cause)}`, { where: `--test_file ${path}`, cause });
  }
  if (prompts.length === 0) {
    throw new UserError("holds no prompts", { where: `--test_file ${path}`, expected: "one a line" });
  }
  return prompts;
}

/** Continues the prompts with the model as it is; the seed is the same each time, so that texts can be compared. */
async function writeSamples(
  { trainer, model, tokenizer }: StartedRun,
  prompts: readonly string[],
  seed: number,
  note: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  if (!tokenizer) return;
  const eosId = tokenizer.eosId === null ? null : model.config.eosId;
  const settings = { ...DEFAULT_SAMPLING, maxNew: SAMPLE_TOKENS, eosId, seed };
  using generator = await createGenerator(trainer.device, model, {
    batch: Math.min(4, prompts.length),
    maxNew: SAMPLE_TOKENS,
  })
    .catch((error) => {
      // Training is worth more than its sample texts: caches that do not fit beside it must not end it.
      if (!(error instanceof DeviceError)) throw error;
      note(`note: no sample texts: ${error.message}`);
      return null;
    });
  if (!generator) return;
  const requests = prompts.map((prompt, sequence) => {
    const fit = { positions: generator.positions, maxNew: SAMPLE_TOKENS };
    return { ...promptIds(tokenizer, new TextEncoder().encode(prompt), eosId, fit), sequence };
  });
  for (let from = 0; from < requests.length && !signal.aborted; from += generator.batch) {
    const group = requests.slice(from, from + generator.batch);
    const texts = new Map<number, string>();
    for await (const { index, end } of continueTexts(generator, tokenizer, group, settings)) {
      if (end) texts.set(index, end.text);
    }
    group.forEach((_, i) => {
      const lines = (prompts[from + i] + texts.get(i)).split("\n");
      note(lines.map((line) => `  | ${line}`).join("\n"));
    });
  }
}

/** The options of `train`: their table, and the checks that concern more than one of them. */

import { UserError } from "../errors.ts";
import { checkDeviceOptions, deviceOptions, refuseSeveralProcesses } from "./device_options.ts";
import { modelTypes, presetNames } from "./model_names.ts";
import { optionTable, type OptionValues } from "./options.ts";

export const trainOptionTable = optionTable({
  input_dir: {
    type: "string",
    placeholder: "DIR",
    group: "Data",
    help: "Folder with the *_ids.npy and *_idx.npz files of codekiln data; without it, the quickstart runs",
  },
  split: {
    type: "numbers",
    count: 3,
    min: 0,
    default: [900, 50, 50],
    group: "Data",
    help:
      "Weights of the training, validation and test parts; a part of weight 0 is absent; data split by hash keep their parts",
  },
  max_seq_len: { type: "integer", default: 1024, min: 1, group: "Data", help: "Tokens in a training sample" },

  model_type: {
    type: "enum",
    values: modelTypes,
    default: "gpt",
    group: "Model",
    help: "Family of the model; every name here is the GPT family",
  },
  model_name_or_path: {
    type: "string",
    placeholder: "NAME|DIR",
    group: "Model",
    help: `A preset, with random weights, or a checkpoint to go on from; presets: ${presetNames.join(", ")}`,
  },
  num_layers: { type: "integer", min: 1, group: "Model", help: "Layers, instead of the preset's" },
  hidden_size: { type: "integer", min: 1, group: "Model", help: "Width, instead of the preset's" },
  num_heads: { type: "integer", min: 1, group: "Model", help: "Attention heads, instead of the preset's" },
  vocab_size: { type: "integer", min: 2, group: "Model", help: "Vocabulary, instead of the preset's or the data's" },
  vocab_file: {
    type: "string",
    placeholder: "FILE",
    group: "Model",
    help: "vocab.json of the tokenizer that the data was made with, saved with the checkpoint; needs --merge_file",
  },
  merge_file: { type: "string", placeholder: "FILE", group: "Model", help: "merges.txt that goes with --vocab_file" },
  hidden_dropout_prob: {
    type: "number",
    default: 0.1,
    min: 0,
    below: 1,
    group: "Model",
    help: "Dropout of embeddings and of the residual branches",
  },
  attention_probs_dropout_prob: {
    type: "number",
    default: 0.1,
    min: 0,
    below: 1,
    group: "Model",
    help: "Dropout of the attention weights",
  },

  micro_batch_size: { type: "integer", default: 8, min: 1, group: "Optimizer", help: "Samples computed at once" },
  global_batch_size: {
    type: "integer",
    min: 1,
    group: "Optimizer",
    help: "Samples in an optimizer step, a multiple of --micro_batch_size; default: the micro batch",
  },
  max_lr: { type: "number", default: 0.00015, min: 0, group: "Optimizer", help: "Learning rate after the warm-up" },
  min_lr: {
    type: "number",
    default: 0.00001,
    min: 0,
    group: "Optimizer",
    help: "Learning rate at the end of the decay",
  },
  warmup_rate: {
    type: "number",
    default: 0.01,
    min: 0,
    max: 1,
    group: "Optimizer",
    help: "Share of --decay_steps in which the learning rate rises",
  },
  decay_steps: {
    type: "integer",
    min: 1,
    group: "Optimizer",
    help: "Optimizer steps until --min_lr is reached; default: --max_steps",
  },
  lr_decay_style: {
    type: "enum",
    values: ["cosine", "none"],
    default: "cosine",
    group: "Optimizer",
    help: "How the learning rate falls after the warm-up",
  },
  weight_decay: {
    type: "number",
    default: 0.01,
    min: 0,
    group: "Optimizer",
    help: "AdamW's decay, of every tensor that is neither bias nor norm",
  },
  grad_clip: {
    type: "number",
    default: 1,
    min: 0,
    group: "Optimizer",
    help: "Largest global norm of the gradient; 0 does not clip",
  },
  adam_beta1: { type: "number", default: 0.9, min: 0, below: 1, group: "Optimizer", help: "AdamW's beta 1" },
  adam_beta2: { type: "number", default: 0.999, min: 0, below: 1, group: "Optimizer", help: "AdamW's beta 2" },
  adam_epsilon: { type: "number", default: 1e-8, above: 0, group: "Optimizer", help: "AdamW's epsilon" },
  seed: {
    type: "integer",
    default: 1234,
    min: 0,
    max: 4294967295,
    group: "Optimizer",
    help: "Seed of the weights, of the order of the samples and of dropout",
  },

  max_steps: { type: "integer", default: 500000, min: 1, group: "Run", help: "Optimizer steps in all" },
  output_dir: {
    type: "string",
    default: "output",
    placeholder: "DIR",
    group: "Run",
    help: "Folder for checkpoints (model_STEP/), metrics.jsonl and options.json",
  },
  resume: { type: "boolean", default: false, group: "Run", help: "Go on from the newest checkpoint in --output_dir" },
  save_steps: {
    type: "integer",
    default: 500,
    min: 1,
    group: "Run",
    help: "Optimizer steps between checkpoints; one is always saved at the end",
  },
  logging_freq: { type: "integer", default: 1, min: 1, group: "Run", help: "Optimizer steps between logged losses" },
  eval_freq: { type: "integer", default: 500, min: 1, group: "Run", help: "Optimizer steps between evaluations" },
  eval_iters: { type: "integer", default: 10, min: 1, group: "Run", help: "Micro batches in an evaluation" },
  test_file: {
    type: "string",
    placeholder: "FILE",
    group: "Run",
    help: "Prompts, one a line, that are continued at each evaluation",
  },

  ...deviceOptions,
  use_amp: { type: "boolean", default: false, group: "Device", help: "Mixed precision: not there yet, refused" },
  scale_loss: {
    type: "number",
    default: 32768,
    above: 0,
    group: "Device",
    help: "Loss scale; acts only with --use_amp, so another value is refused",
  },
  use_recompute: {
    type: "boolean",
    default: false,
    group: "Device",
    help: "Recompute activations to save memory: not there yet, refused",
  },
});

type Values = OptionValues<typeof trainOptionTable>;

/** Checked options of a training run. Where several options bear on one thing, that is settled here. */
export interface TrainOptions extends Omit<Values, "use_amp" | "scale_loss" | "use_recompute"> {
  /** Samples in an optimizer step: micro_batch_size · accumulation steps. */
  readonly global_batch_size: number;
  readonly decay_steps: number;
  /** Micro batches in an optimizer step. */
  readonly accumulationSteps: number;
  /** Names of the options that the user gave; the quickstart sets others as it needs. */
  readonly given: ReadonlySet<string>;
}

/**
 * Checks the options of `train` against each other and refuses what is not there yet.
 *
 * @throws UserError naming the options that do not go together
 */
export function checkTrainOptions(values: Values, given: ReadonlySet<string>): TrainOptions {
  refuseWhatIsMissing(values);
  refuseSeveralProcesses();
  checkDeviceOptions(values);

  const microBatch = values.micro_batch_size;
  const globalBatch = values.global_batch_size ?? microBatch;
  if (globalBatch % microBatch !== 0) {
    const lower = Math.max(microBatch, globalBatch - globalBatch % microBatch);
    throw new UserError(`${globalBatch} samples are not whole micro batches of ${microBatch}`, {
      where: "--global_batch_size",
      expected: `a multiple of --micro_batch_size, such as ${lower} or ${lower + microBatch}`,
    });
  }
  if (values.min_lr > values.max_lr) {
    throw new UserError(`${values.min_lr} is above --max_lr ${values.max_lr}`, { where: "--min_lr" });
  }
  if (values.split.every((weight) => weight === 0) || values.split[0] === 0) {
    throw new UserError("the training part has weight 0", {
      where: `--split ${values.split.join(",")}`,
      expected: "a first weight above 0",
    });
  }
  if ((values.vocab_file === null) !== (values.merge_file === null)) {
    const missing = values.vocab_file === null ? "vocab_file" : "merge_file";
    throw new UserError("is missing", { where: `--${missing}`, hint: "--vocab_file and --merge_file go together" });
  }
  const { use_amp: _amp, scale_loss: _scale, use_recompute: _recompute, ...rest } = values;
  return {
    ...rest,
    global_batch_size: globalBatch,
    decay_steps: values.decay_steps ?? values.max_steps,
    accumulationSteps: globalBatch / microBatch,
    given,
  };
}

/** The options of a run as options.json keeps them and `--config` reads them back: settled, and without `--resume`. */
export function savedOptions(options: TrainOptions): Record<string, unknown> {
  const kept = Object.entries(options).filter(([name, value]) =>
    Object.hasOwn(trainOptionTable, name) && name !== "resume" && value !== null
  );
  return Object.fromEntries(kept);
}

function refuseWhatIsMissing(values: Values): void {
  if (values.use_amp) {
    throw new UserError("mixed precision is not there yet", { where: "--use_amp", hint: "leave it out: f32 is used" });
  }
  if (values.scale_loss !== 32768) {
    throw new UserError("acts only with --use_amp, which is not there yet", { where: "--scale_loss" });
  }
  if (values.use_recompute) {
    throw new UserError("recomputation is not there yet", {
      where: "--use_recompute",
      hint: "a smaller --micro_batch_size with the same --global_batch_size needs less memory",
    });
  }
}

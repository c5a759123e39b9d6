/** The options of `generate`: their table, and the checks that concern more than one of them. */

import { UserError } from "../errors.ts";
import { DEFAULT_SAMPLING } from "../generate/settings.ts";
import { checkDeviceOptions, deviceOptions } from "./device_options.ts";
import { modelTypes } from "./model_names.ts";
import { optionTable, type OptionValues } from "./options.ts";

export const generateOptionTable = optionTable({
  model_type: {
    type: "enum",
    values: modelTypes,
    default: "gpt",
    group: "Model",
    help: "Family of the model; every name here is the GPT family",
  },
  model_name_or_path: {
    type: "string",
    placeholder: "DIR",
    group: "Model",
    help:
      "Checkpoint to generate with, or a training run's folder, of which the newest checkpoint is taken; default: the quickstart's",
  },

  prompt: { type: "list", placeholder: "TEXT", group: "Prompts", help: "Texts to continue; without, stdin is read" },
  prompt_file: { type: "string", placeholder: "FILE", group: "Prompts", help: "File of prompts" },
  prompt_format: {
    type: "enum",
    values: ["lines", "whole", "jsonl", "null"],
    default: "lines",
    group: "Prompts",
    help:
      'How --prompt_file and stdin hold prompts: one a line; the whole text as one; one JSON string or {"prompt": …} a line; ended by NUL bytes',
  },

  decode_strategy: {
    type: "enum",
    values: ["greedy_search", "sampling", "beam_search"],
    default: "sampling",
    group: "Decoding",
    help: "How the next token is chosen; greedy_search takes the likeliest. Not there yet: beam_search",
  },
  temperature: {
    type: "number",
    default: DEFAULT_SAMPLING.temperature,
    above: 0,
    group: "Decoding",
    help: "Sampling: divides the logits",
  },
  top_k: {
    type: "integer",
    default: DEFAULT_SAMPLING.topK,
    min: 0,
    group: "Decoding",
    help: "Sampling: only the k likeliest tokens; 0: all",
  },
  top_p: {
    type: "number",
    default: 1,
    above: 0,
    max: 1,
    group: "Decoding",
    help: "Sampling: only the likeliest tokens that together reach this probability",
  },
  repetition_penalty: {
    type: "number",
    default: 1,
    above: 0,
    group: "Decoding",
    help: "Above 1, tokens that occurred before become less likely",
  },
  num_return_sequences: {
    type: "integer",
    default: 1,
    min: 1,
    group: "Decoding",
    help: "Sampling: texts for each prompt",
  },
  min_dec_len: { type: "integer", default: 0, min: 0, group: "Decoding", help: "Fewest new tokens before an end" },
  max_dec_len: { type: "integer", default: 128, min: 1, group: "Decoding", help: "Most new tokens" },
  seed: {
    type: "integer",
    default: 1234,
    min: 0,
    max: 4294967295,
    group: "Decoding",
    help: "Seed of sampling: the same seed gives the same text",
  },
  num_beams: { type: "integer", default: 1, min: 1, group: "Decoding", help: "Beam search: not there yet, refused" },
  length_penalty: { type: "number", default: 0, group: "Decoding", help: "Beam search: not there yet, refused" },
  early_stopping: { type: "boolean", default: false, group: "Decoding", help: "Beam search: not there yet, refused" },

  ...deviceOptions,
  json: {
    type: "boolean",
    default: false,
    group: "Output",
    help: "Print one JSON object for each text: prompt, text, token_ids, score, finish_reason",
  },
});

type Values = OptionValues<typeof generateOptionTable>;

/** Checked options of `generate`. */
export interface GenerateOptions
  extends Omit<Values, "decode_strategy" | "num_beams" | "length_penalty" | "early_stopping"> {
  readonly decode_strategy: "greedy_search" | "sampling";
}

/**
 * Checks the options of `generate` against each other and refuses what is not there yet.
 *
 * @throws UserError naming the options that do not go together
 */
export function checkGenerateOptions(values: Values, given: ReadonlySet<string>): GenerateOptions {
  checkDeviceOptions(values);
  if (values.decode_strategy === "beam_search") {
    throw new UserError("beam search is not there yet", {
      where: "--decode_strategy beam_search",
      expected: "greedy_search or sampling",
    });
  }
  const beamOptions = { num_beams: values.num_beams !== 1, length_penalty: values.length_penalty !== 0 };
  for (const [name, used] of Object.entries({ ...beamOptions, early_stopping: values.early_stopping })) {
    if (used) throw new UserError("acts only with beam search, which is not there yet", { where: `--${name}` });
  }
  const unused = ["temperature", "top_k", "top_p", "num_return_sequences"].find((name) => given.has(name));
  if (values.decode_strategy === "greedy_search" && unused !== undefined) {
    throw new UserError("does not act with greedy_search", {
      where: `--${unused}`,
      hint: "--decode_strategy sampling",
    });
  }
  if (values.min_dec_len > values.max_dec_len) {
    throw new UserError(`${values.min_dec_len} is above --max_dec_len ${values.max_dec_len}`, {
      where: "--min_dec_len",
    });
  }
  checkPrompts(values, given);
  const { num_beams: _beams, length_penalty: _length, early_stopping: _early, ...rest } = values;
  return { ...rest, decode_strategy: values.decode_strategy === "greedy_search" ? "greedy_search" : "sampling" };
}

function checkPrompts(values: Values, given: ReadonlySet<string>): void {
  if (values.prompt.length === 0) return;
  if (values.prompt_file !== null) {
    throw new UserError("cannot go together with --prompt", { where: "--prompt_file" });
  }
  if (given.has("prompt_format") && values.prompt_format !== "lines") {
    throw new UserError("acts on --prompt_file and stdin, not on --prompt", { where: "--prompt_format" });
  }
}

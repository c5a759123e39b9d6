/** The options of `eval`: their table and checks. */

import { checkDeviceOptions, deviceOptions } from "./device_options.ts";
import { optionTable, type OptionValues } from "./options.ts";

export const evalOptionTable = optionTable({
  model_name_or_path: {
    type: "string",
    required: true,
    placeholder: "DIR",
    group: "Model and data",
    help: "Checkpoint to evaluate",
  },
  input_dir: {
    type: "string",
    required: true,
    placeholder: "DIR",
    group: "Model and data",
    help: "Folder with the *_ids.npy and *_idx.npz files of codekiln data",
  },
  split: {
    type: "numbers",
    count: 3,
    min: 0,
    default: [900, 50, 50],
    group: "Model and data",
    help: "Weights of the training, validation and test parts, as in training",
  },
  part: {
    type: "enum",
    values: ["train", "valid", "test", "all"],
    default: "valid",
    group: "Model and data",
    help: "Part to evaluate",
  },
  max_seq_len: {
    type: "integer",
    min: 1,
    group: "Model and data",
    help: "Tokens in a sample; default: the model's positions",
  },
  micro_batch_size: { type: "integer", default: 8, min: 1, group: "Model and data", help: "Samples computed at once" },
  ...deviceOptions,
  json: { type: "boolean", default: false, group: "Output", help: "Print the result on one line" },
});

type Values = OptionValues<typeof evalOptionTable>;

export type EvalOptions = Values;

/** What `eval` prints: as an indented JSON object, or on one line with `--json`. */
export interface EvalResult {
  /** Mean nats per token. */
  readonly loss: number;
  /** loss · tokens / (ln 2 · bytes of text those tokens decode to), or null without a tokenizer. */
  readonly bits_per_byte: number | null;
  readonly perplexity: number;
  readonly tokens: number;
}

/** @throws UserError naming the options that do not go together */
export function checkEvalOptions(values: Values): EvalOptions {
  checkDeviceOptions(values);
  return values;
}

/** The options of `bench`: their table, and the model that they name. */

import { UserError } from "../errors.ts";
import { checkConfig, type GptConfig } from "../model/config.ts";
import { DEFAULT_CONFIG, presetConfig } from "../model/presets.ts";
import { checkDeviceOptions, deviceOptions } from "./device_options.ts";
import { presetNames } from "./model_names.ts";
import { optionTable, type OptionValues } from "./options.ts";

interface Sizes {
  readonly num_layers: number;
  readonly hidden_size: number;
  readonly num_heads: number;
  readonly vocab_size: number;
  readonly max_seq_len: number;
  readonly micro_batch_size: number;
}

/** Three shapes by which programs for training on one machine can be compared: 1.3, 13.9 and 124 million parameters. */
const SHAPES: Readonly<Record<"S" | "M" | "L", Sizes>> = {
  S: { num_layers: 4, hidden_size: 128, num_heads: 4, vocab_size: 4096, max_seq_len: 128, micro_batch_size: 16 },
  M: { num_layers: 6, hidden_size: 384, num_heads: 6, vocab_size: 8192, max_seq_len: 256, micro_batch_size: 8 },
  L: { num_layers: 12, hidden_size: 768, num_heads: 12, vocab_size: 50257, max_seq_len: 64, micro_batch_size: 4 },
};

export const benchOptionTable = optionTable({
  shape: {
    type: "enum",
    values: ["S", "M", "L"],
    default: "S",
    group: "Model",
    help: "Model and batch: 1.3, 13.9 or 124 million parameters with 16×128, 8×256 or 4×64 tokens a step",
  },
  model_name_or_path: {
    type: "enum",
    values: presetNames,
    group: "Model",
    help: "Preset whose sizes are taken instead of the shape's",
  },
  num_layers: { type: "integer", min: 1, group: "Model", help: "Layers, instead of the shape's" },
  hidden_size: { type: "integer", min: 1, group: "Model", help: "Width, instead of the shape's" },
  num_heads: { type: "integer", min: 1, group: "Model", help: "Attention heads, instead of the shape's" },
  vocab_size: { type: "integer", min: 2, group: "Model", help: "Vocabulary, instead of the shape's" },
  max_seq_len: { type: "integer", min: 1, group: "Model", help: "Tokens in a sample, instead of the shape's" },
  micro_batch_size: { type: "integer", min: 1, group: "Model", help: "Samples in a step, instead of the shape's" },
  ...deviceOptions,
  only: {
    type: "enum",
    values: ["gemm", "step", "decode"],
    group: "Measurement",
    help: "Time only square matrix products, the training step or decoding; default: the step and decoding",
  },
  beside: {
    type: "string",
    placeholder: "COMMAND",
    group: "Measurement",
    help: 'Time the training step in turns with this shell command, which prints its own time as "step N ms"',
  },
  rounds: { type: "integer", default: 5, min: 1, group: "Measurement", help: "Rounds; the median is shown" },
  round_ms: { type: "integer", default: 200, min: 1, group: "Measurement", help: "Least length of a round, ms" },
  json: { type: "boolean", default: false, group: "Output", help: "Print JSON lines instead of tables" },
});

type Values = OptionValues<typeof benchOptionTable>;

/** What `bench` measures. */
export interface BenchOptions extends Omit<Values, "max_seq_len" | "micro_batch_size"> {
  readonly config: GptConfig;
  readonly micro_batch_size: number;
  readonly max_seq_len: number;
}

/**
 * Checks the options of `bench` against each other and settles the model.
 *
 * @throws UserError naming the options that do not go together
 */
export function checkBenchOptions(values: Values, given: ReadonlySet<string>): BenchOptions {
  checkDeviceOptions(values);
  if (values.beside !== null && values.only !== null && values.only !== "step") {
    throw new UserError("times the training step only", { where: "--beside", hint: "leave --only out" });
  }
  const name = values.model_name_or_path;
  if (name !== null && given.has("shape")) {
    throw new UserError("cannot go together with --model_name_or_path", { where: `--shape ${values.shape}` });
  }
  const modelSizes = ["num_layers", "hidden_size", "num_heads", "vocab_size"];
  const unused = values.only === "gemm" ? [...modelSizes, "shape", "model_name_or_path", "max_seq_len"] : [];
  const idle = [...unused, ...values.only === "gemm" || values.only === "decode" ? ["micro_batch_size"] : []]
    .find((option) => given.has(option));
  if (idle !== undefined) throw new UserError(`does not act with --only ${values.only}`, { where: `--${idle}` });

  const shape = SHAPES[values.shape];
  const preset = name === null ? null : presetConfig(name);
  const base = preset ?? {
    ...DEFAULT_CONFIG,
    layers: shape.num_layers,
    hiddenSize: shape.hidden_size,
    heads: shape.num_heads,
    vocabSize: shape.vocab_size,
  };
  const maxPositions = values.max_seq_len ?? shape.max_seq_len;
  const vocabSize = values.vocab_size ?? base.vocabSize;
  const config = checkConfig({
    ...base,
    layers: values.num_layers ?? base.layers,
    hiddenSize: values.hidden_size ?? base.hiddenSize,
    heads: values.num_heads ?? base.heads,
    vocabSize,
    maxPositions,
    eosId: vocabSize - 1,
    hiddenDropout: 0,
    attentionDropout: 0,
  });
  return {
    ...values,
    config,
    max_seq_len: maxPositions,
    micro_batch_size: values.micro_batch_size ?? shape.micro_batch_size,
  };
}

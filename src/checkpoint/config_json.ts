/** config.json of a Hugging Face GPT-2 directory, to and from a GptConfig. */
import * as v from "valibot";
import { FormatError, UserError } from "../errors.ts";
import { checkConfig, type GptConfig } from "../model/config.ts";
import { reason } from "../files.ts";

const size = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const rate = v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1)), 0.1);
const id = v.optional(v.nullable(v.pipe(v.number(), v.safeInteger(), v.minValue(0))));

const schema = v.object({
  model_type: v.literal("gpt2"),
  vocab_size: size,
  n_positions: size,
  n_layer: size,
  n_embd: size,
  n_head: size,
  n_inner: v.optional(v.nullable(size)),
  activation_function: v.optional(v.string(), "gelu_new"),
  layer_norm_epsilon: v.optional(v.number(), 1e-5),
  initializer_range: v.optional(v.number(), 0.02),
  embd_pdrop: rate,
  attn_pdrop: rate,
  resid_pdrop: rate,
  eos_token_id: id,
  tie_word_embeddings: v.optional(v.boolean(), true),
  scale_attn_weights: v.optional(v.boolean(), true),
  scale_attn_by_inverse_layer_idx: v.optional(v.boolean(), false),
});

/** The text of config.json for a model. */
export function configToJson(config: GptConfig): string {
  const json = {
    model_type: "gpt2",
    architectures: ["GPT2LMHeadModel"],
    vocab_size: config.vocabSize,
    n_positions: config.maxPositions,
    n_ctx: config.maxPositions,
    n_layer: config.layers,
    n_embd: config.hiddenSize,
    n_head: config.heads,
    n_inner: null,
    activation_function: "gelu_new",
    layer_norm_epsilon: config.layerNormEpsilon,
    initializer_range: config.initializerRange,
    embd_pdrop: config.hiddenDropout,
    resid_pdrop: config.hiddenDropout,
    attn_pdrop: config.attentionDropout,
    bos_token_id: config.eosId,
    eos_token_id: config.eosId,
    tie_word_embeddings: true,
    torch_dtype: "float32",
  };
  return JSON.stringify(json, null, 2) + "\n";
}

/**
 * Reads config.json.
 * @throws {UserError} where there is none; {FormatError} where it is not JSON or describes another kind of model.
 */
export function readConfigJson(path: string): GptConfig {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (cause) {
    throw new UserError(`cannot read the model's configuration: ${reason(cause)}`, {
      where: path,
      expected: "a checkpoint: config.json, model.safetensors and a tokenizer",
      cause,
    });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new FormatError(`not JSON: ${reason(cause)}`, { where: path, cause });
  }
  const result = v.safeParse(schema, json);
  if (!result.success) {
    const [issue] = result.issues;
    throw new FormatError(issue.message, { where: `${path}, ${v.getDotPath(issue) ?? "top level"}` });
  }
  const read = result.output;
  const refuse = (member: string, value: unknown, expected: string): never => {
    throw new FormatError(`${member} is ${JSON.stringify(value)}`, { where: path, expected });
  };
  if (read.activation_function !== "gelu_new" && read.activation_function !== "gelu_pytorch_tanh") {
    refuse("activation_function", read.activation_function, "gelu_new, the tanh form");
  }
  if (read.n_inner && read.n_inner !== 4 * read.n_embd) refuse("n_inner", read.n_inner, "null or 4 · n_embd");
  if (!read.tie_word_embeddings) refuse("tie_word_embeddings", false, "true: the output is tied to wte");
  if (!read.scale_attn_weights) refuse("scale_attn_weights", false, "true");
  if (read.scale_attn_by_inverse_layer_idx) refuse("scale_attn_by_inverse_layer_idx", true, "false");
  if (read.embd_pdrop !== read.resid_pdrop) refuse("embd_pdrop", read.embd_pdrop, "the same as resid_pdrop");
  return checkedConfig(path, {
    vocabSize: read.vocab_size,
    maxPositions: read.n_positions,
    layers: read.n_layer,
    hiddenSize: read.n_embd,
    heads: read.n_head,
    layerNormEpsilon: read.layer_norm_epsilon,
    initializerRange: read.initializer_range,
    hiddenDropout: read.resid_pdrop,
    attentionDropout: read.attn_pdrop,
    eosId: read.eos_token_id ?? Math.min(50256, read.vocab_size - 1),
  });
}

function checkedConfig(path: string, config: GptConfig): GptConfig {
  try {
    return checkConfig(config);
  } catch (cause) {
    throw new FormatError(reason(cause), { where: path, cause });
  }
}

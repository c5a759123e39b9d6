/** The shape of a GPT-2/GPT-3-style model: pre-norm decoder, learned positions, tanh GELU, output tied to the token embedding. */
import { UserError } from "../errors.ts";

export interface GptConfig {
  vocabSize: number;
  /** Longest sequence: rows of the position embedding. */
  maxPositions: number;
  layers: number;
  /** Width of the residual stream, called n_embd by Hugging Face. */
  hiddenSize: number;
  heads: number;
  layerNormEpsilon: number;
  /** Standard deviation of the initial weights. */
  initializerRange: number;
  /** Dropout after the embedding, attention output and MLP. */
  hiddenDropout: number;
  /** Dropout on attention probabilities. */
  attentionDropout: number;
  /** Id that ends a document; the one source of truth for training and generation. */
  eosId: number;
}

/** No model comes near these; a config from anywhere must not make us build a table that fills the memory. */
const MAX_SIZE = 2 ** 24;
const MAX_LAYERS = 4096;

/**
 * Checks that a config describes a model that can be built.
 * @throws {UserError} naming the size that cannot be.
 */
export function checkConfig(config: GptConfig): GptConfig {
  const whole: [string, number][] = [
    ["vocab_size", config.vocabSize],
    ["n_positions", config.maxPositions],
    ["num_layers", config.layers],
    ["hidden_size", config.hiddenSize],
    ["num_heads", config.heads],
  ];
  for (const [name, value] of whole) {
    if (!Number.isSafeInteger(value) || value < 1 || value > MAX_SIZE) {
      throw new UserError(`${name} is ${value}`, { expected: `a whole number from 1 to ${MAX_SIZE}` });
    }
  }
  if (config.layers > MAX_LAYERS) {
    throw new UserError(`num_layers is ${config.layers}`, { expected: `at most ${MAX_LAYERS}` });
  }
  if (config.hiddenSize % config.heads !== 0) {
    throw new UserError(`hidden_size ${config.hiddenSize} is not divisible by num_heads ${config.heads}`);
  }
  for (const [name, rate] of [["hidden", config.hiddenDropout], ["attention", config.attentionDropout]] as const) {
    if (!(rate >= 0 && rate < 1)) throw new UserError(`${name} dropout is ${rate}`, { expected: "0 ≤ rate < 1" });
  }
  if (!Number.isSafeInteger(config.eosId) || config.eosId < 0 || config.eosId >= config.vocabSize) {
    throw new UserError(`the end-of-text id ${config.eosId} is outside of the vocabulary of ${config.vocabSize}`);
  }
  return config;
}

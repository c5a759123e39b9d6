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
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new UserError(`${name} is ${value}`, { expected: "a whole number above 0" });
    }
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

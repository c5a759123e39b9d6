/** How the next token is chosen. */
import { UserError } from "../errors.ts";

export interface SamplingSettings {
  /** Take the likeliest token every time; temperature, topK and topP do not act. */
  greedy: boolean;
  /** Divides the logits. */
  temperature: number;
  /** Keep the k likeliest tokens; 0 keeps all. */
  topK: number;
  /** Keep the likeliest tokens that together reach this probability. */
  topP: number;
  /** Above 1, tokens of the prompt and the text so far become less likely (Keskar et al. 2019). 1 has no effect. */
  repetitionPenalty: number;
  /** New tokens before end-of-text may come. */
  minNew: number;
  /** Most new tokens. */
  maxNew: number;
  /** The token that ends a text, or null. */
  eosId: number | null;
  /** The same seed gives the same text, whatever else is in the batch. */
  seed: number;
}

/** What is done where nobody asks for anything else. */
export const DEFAULT_SAMPLING = {
  greedy: false,
  temperature: 0.7,
  topK: 40,
  topP: 1,
  repetitionPenalty: 1,
  minNew: 0,
} as const;

/** The `settings` tensor of the op `sample`. @throws {UserError} for numbers that make no sense. */
export function settingsTensor(settings: SamplingSettings): Float32Array {
  const { greedy, temperature, topK, topP, repetitionPenalty, minNew, maxNew, eosId } = settings;
  const positive: [string, number][] = [["temperature", temperature], ["top_p", topP], [
    "repetition_penalty",
    repetitionPenalty,
  ]];
  for (const [name, value] of positive) {
    if (!(value > 0 && Number.isFinite(value))) {
      throw new UserError(`is ${value}`, { where: `--${name}`, expected: "a number above 0" });
    }
  }
  if (minNew > maxNew) throw new UserError(`min_dec_len ${minNew} is above max_dec_len ${maxNew}`);
  return Float32Array.of(greedy ? 1 : 0, temperature, topK, topP, repetitionPenalty, minNew, maxNew, eosId ?? -1);
}

/** Texts for prompts: the engine between a tokenizer's two directions. Texts come piece by piece, as they are made. */
import { UserError } from "../errors.ts";
import { createStreamDecoder } from "../tokenizer/stream_decoder.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { fitPrompt, type Generator } from "./generator.ts";
import type { SamplingSettings } from "./settings.ts";

/** A piece of one of the texts, or its end. */
export interface TextEvent {
  index: number;
  /** The text since the last event, whole characters only. */
  text: string;
  end: FinishedText | null;
}

export interface FinishedText {
  /** All of the continuation. */
  text: string;
  /** New tokens, without end-of-text. */
  tokenIds: number[];
  /** Mean log-probability of the new tokens, nats. */
  score: number;
  reason: "eos" | "length";
}

/**
 * The ids of a prompt, cut at the front where it does not fit. An empty prompt becomes end-of-text, after which documents begin.
 * @throws {UserError} for an empty prompt where the vocabulary has no end-of-text.
 */
export function promptIds(
  tokenizer: Tokenizer,
  prompt: Uint8Array,
  eosId: number | null,
  { positions, maxNew }: { positions: number; maxNew: number },
): { ids: Uint32Array; cut: number } {
  const all = tokenizer.encode(prompt);
  if (all.length === 0) {
    if (eosId === null) throw new UserError("an empty prompt cannot be continued without an end-of-text token");
    return { ids: Uint32Array.of(eosId), cut: 0 };
  }
  const ids = fitPrompt(all, positions, maxNew);
  return { ids, cut: all.length - ids.length };
}

/** Continues up to `generator.batch` prompts. */
export async function* continueTexts(
  generator: Generator,
  tokenizer: Tokenizer,
  requests: readonly { ids: Uint32Array; sequence: number }[],
  settings: SamplingSettings,
  signal?: AbortSignal,
): AsyncGenerator<TextEvent> {
  const decoders = requests.map(() => createStreamDecoder(tokenizer));
  const texts = requests.map(() => ({ text: "", tokenIds: [] as number[] }));
  const batch = requests.map(({ ids, sequence }) => ({ prompt: ids, sequence }));
  for await (const { index, tokens, end } of generator.run(batch, settings, signal)) {
    const known = tokens.filter((id) => id < tokenizer.vocabSize);
    const text = decoders[index].push(known) + (end ? decoders[index].finish() : "");
    texts[index].text += text;
    texts[index].tokenIds.push(...tokens);
    yield { index, text, end: end ? { ...texts[index], ...end } : null };
  }
}

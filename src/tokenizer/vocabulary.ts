/**
 * The plain data of a byte-level BPE tokenizer, whatever file it came from: tokens as bytes, the explicit list of
 * merges, special tokens. Merges are kept as recorded pairs of ids, not found again by concatenation, because two
 * merges of a trained vocabulary may spell the same token.
 */

import { FormatError } from "../errors.ts";
import { DEFAULT_PATTERN, type PatternName } from "./patterns.ts";

/** The most ids a vocabulary may have. Guards against hostile files; the largest in use have about 2^18. */
export const MAX_VOCABULARY = 1 << 22;

/** GPT-2's end-of-text token, which ends every document. */
export const END_OF_TEXT = "<|endoftext|>";

export interface Vocabulary {
  /** Bytes of every id; null where no token has the id. Special tokens hold their literal text as UTF-8. */
  readonly tokens: readonly (Uint8Array | null)[];
  /** Ids that are special: never the result of encoding text. */
  readonly special: ReadonlySet<number>;
  /** Special tokens that, in text, would take white space beside them or be found in some places only; see special_tokens.ts. */
  readonly strippingSpecial?: ReadonlySet<number>;
  /** Merges in order of rank, three numbers each: left id, right id, id of the result. */
  readonly merges: Int32Array;
  /** The id that ends a document, or null. */
  readonly eosId: number | null;
  /** How text is cut into pieces before merging; `gpt2` unless given. */
  readonly pattern?: PatternName;
}

/** The id of every byte. @throws {FormatError} where a byte has none: text that holds it could not be encoded. */
export function byteIds(vocabulary: Vocabulary, where: string): Int32Array {
  const ids = new Int32Array(256).fill(-1);
  const { tokens, special } = vocabulary;
  for (let id = 0; id < tokens.length; id++) {
    const token = tokens[id];
    if (token?.length === 1 && !special.has(id)) ids[token[0]] = id;
  }
  const missing = ids.reduce((count, id) => count + (id < 0 ? 1 : 0), 0);
  if (missing > 0) {
    throw new FormatError(`the vocabulary has no token for ${missing} of the 256 bytes`, {
      where,
      expected: "a byte-level vocabulary with the whole byte alphabet",
      hint: "text with such bytes would be lost, as it silently is in Hugging Face's tokenizers; train it there with " +
        "initial_alphabet=ByteLevel.alphabet(), or with `codekiln tokenizer train`",
    });
  }
  return ids;
}

/** SHA-256, hex, over tokens, special ids, merges and a pattern other than GPT-2's in a canonical byte form. */
export async function fingerprintOf(vocabulary: Vocabulary): Promise<string> {
  const { tokens, special, merges, pattern = DEFAULT_PATTERN } = vocabulary;
  const patternBytes = new TextEncoder().encode(pattern === DEFAULT_PATTERN ? "" : pattern);
  let size = 8 + merges.length * 4 + patternBytes.length;
  for (let id = 0; id < tokens.length; id++) size += 5 + (tokens[id]?.length ?? 0);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, tokens.length, true);
  view.setUint32(4, merges.length, true);
  let at = 8;
  for (let id = 0; id < tokens.length; id++) {
    const token = tokens[id];
    const length = token?.length ?? 0;
    view.setUint8(at, token === null ? 0 : special.has(id) ? 2 : 1);
    view.setUint32(at + 1, length, true);
    at += 5;
    for (let i = 0; i < length; i++) bytes[at++] = token?.[i] ?? 0;
  }
  for (let i = 0; i < merges.length; i++, at += 4) view.setInt32(at, merges[i], true);
  bytes.set(patternBytes, at);
  return hex(await crypto.subtle.digest("SHA-256", bytes));
}

/** Lower-case hexadecimal of some bytes. */
export function hex(buffer: ArrayBuffer): string {
  return Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Puts a byte-level BPE tokenizer together from its vocabulary. */

import { createDecoder, type Decoder } from "./decoder.ts";
import { type Encoder, encoderSeed, growEncoder } from "./encoder.ts";
import { DEFAULT_PATTERN } from "./patterns.ts";
import { saveByteLevel } from "./save.ts";
import { createSpecialEncoder } from "./special_tokens.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { byteIds, fingerprintOf, type Vocabulary } from "./vocabulary.ts";

/** What can be known of a vocabulary without looking at all of its tokens; see `gpt2.ts`. */
export interface KnownVocabulary {
  readonly vocabulary: Vocabulary;
  readonly size: number;
  readonly byteToId: Int32Array;
  readonly fingerprint: string;
}

/**
 * A tokenizer over a byte-level BPE vocabulary.
 * @param name For messages and metadata: `gpt2` or the path it was loaded from.
 * @param file The file to name in errors.
 * @throws {FormatError} where the vocabulary lacks bytes.
 */
export async function createByteLevelTokenizer(
  vocabulary: Vocabulary,
  name: string,
  file: string = name,
): Promise<Tokenizer> {
  const byteToId = byteIds(vocabulary, file);
  return tokenizerOf(
    { vocabulary, size: vocabulary.tokens.length, byteToId, fingerprint: await fingerprintOf(vocabulary) },
    name,
  );
}

/** A tokenizer over a known vocabulary. What not every user of it needs is made when it is first asked for. */
export function tokenizerOf({ vocabulary, size, byteToId, fingerprint }: KnownVocabulary, name: string): Tokenizer {
  const seed = encoderSeed({ byteToId, merges: vocabulary.merges, pattern: vocabulary.pattern ?? DEFAULT_PATTERN });
  let encoder: Encoder | null = null;
  const theEncoder = () => encoder ??= growEncoder(seed);
  const encode = (utf8: Uint8Array) => theEncoder().encode(utf8);
  let decoder: Decoder | null = null;
  const theDecoder = () => decoder ??= createDecoder(vocabulary);
  let encodeSpecial: ((utf8: Uint8Array) => Uint32Array) | null = null;
  return {
    vocabSize: size,
    eosId: vocabulary.eosId,
    name,
    fingerprint,
    seed,
    encode: (utf8, { parseSpecial = false } = {}) =>
      parseSpecial ? (encodeSpecial ??= createSpecialEncoder(vocabulary, encode, name))(utf8) : encode(utf8),
    encodeInto: (utf8, ids, at) => theEncoder().encodeInto(utf8, ids, at),
    textRoom: (bytes) => theEncoder().textRoom(bytes),
    decode: (ids, options) => theDecoder().decode(ids, options),
    byteLength: (id) => theDecoder().byteLength(id),
    save: (directory, options) => saveByteLevel(vocabulary, directory, options),
  };
}

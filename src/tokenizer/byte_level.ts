/** Puts a byte-level BPE tokenizer together from its vocabulary. */

import { createDecoder } from "./decoder.ts";
import { createEncoder } from "./encoder.ts";
import { DEFAULT_PATTERN } from "./patterns.ts";
import { saveByteLevel } from "./save.ts";
import { createSpecialEncoder } from "./special_tokens.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { byteIds, fingerprintOf, type Vocabulary } from "./vocabulary.ts";

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
  const { encode, encodeInto, inputBuffer } = createEncoder({
    byteToId: byteIds(vocabulary, file),
    merges: vocabulary.merges,
    pattern: vocabulary.pattern ?? DEFAULT_PATTERN,
  });
  const encodeSpecial = createSpecialEncoder(vocabulary, encode, name);
  const { decode, byteLength } = createDecoder(vocabulary);
  return {
    vocabSize: vocabulary.tokens.length,
    eosId: vocabulary.eosId,
    name,
    fingerprint: await fingerprintOf(vocabulary),
    encode: (utf8, { parseSpecial = false } = {}) => parseSpecial ? encodeSpecial(utf8) : encode(utf8),
    encodeInto,
    inputBuffer,
    decode,
    byteLength,
    save: (directory, options) => saveByteLevel(vocabulary, directory, options),
  };
}

/** GPT-2's vocabulary, built into the program (see NOTICE; written by tasks/gpt2_vocabulary.ts, which holds the format). */

import { BYTES_IN_ID_ORDER } from "./byte_alphabet.ts";
import type { KnownVocabulary } from "./byte_level.ts";
import pairs from "./gpt2_merges.bin" with { type: "bytes" };
import { END_OF_TEXT, type Vocabulary } from "./vocabulary.ts";

const SINGLES = BYTES_IN_ID_ORDER.length;
const MERGES = pairs.byteLength / 4;
const EOS_ID = SINGLES + MERGES;

/** What `fingerprintOf` says of it: with this, a start of the program makes no tokens and hashes none. */
export const GPT2_FINGERPRINT = "f5dee977e28ed9bd4a6b16a26508298eb1344e134384724e5f13b62e99684600";

/** GPT-2's 50,257 tokens and 50,000 merges. */
export function gpt2Vocabulary(): Vocabulary {
  const merges = readMerges();
  let tokens: Uint8Array[] | null = null;
  return {
    merges,
    special: new Set([EOS_ID]),
    eosId: EOS_ID,
    // Made when they are asked for: to encode, nobody needs them.
    get tokens() {
      return tokens ??= spell(merges);
    },
  };
}

/** The vocabulary with what else a tokenizer has to know of it. */
export function knownGpt2Vocabulary(): KnownVocabulary {
  const byteToId = new Int32Array(256);
  BYTES_IN_ID_ORDER.forEach((byte, id) => byteToId[byte] = id);
  return { vocabulary: gpt2Vocabulary(), size: EOS_ID + 1, byteToId, fingerprint: GPT2_FINGERPRINT };
}

function readMerges(): Int32Array {
  const view = new DataView(pairs.buffer, pairs.byteOffset, pairs.byteLength);
  const merges = new Int32Array(MERGES * 3);
  for (let rank = 0; rank < MERGES; rank++) {
    merges[rank * 3] = view.getUint16(rank * 4, true);
    merges[rank * 3 + 1] = view.getUint16(rank * 4 + 2, true);
    merges[rank * 3 + 2] = SINGLES + rank;
  }
  return merges;
}

/** The bytes of every token, all in one array. */
function spell(merges: Int32Array): Uint8Array[] {
  const starts = new Int32Array(EOS_ID + 1);
  const lengthOf = (id: number) => starts[id + 1] - starts[id];
  for (let id = 0; id < SINGLES; id++) starts[id + 1] = id + 1;
  for (let rank = 0; rank < MERGES; rank++) {
    const id = SINGLES + rank;
    starts[id + 1] = starts[id] + lengthOf(merges[rank * 3]) + lengthOf(merges[rank * 3 + 1]);
  }
  const bytes = new Uint8Array(starts[EOS_ID]);
  bytes.set(BYTES_IN_ID_ORDER);
  for (let rank = 0; rank < MERGES; rank++) {
    let at = starts[SINGLES + rank];
    for (const half of [merges[rank * 3], merges[rank * 3 + 1]]) {
      for (let i = starts[half]; i < starts[half + 1]; i++) bytes[at++] = bytes[i];
    }
  }
  const tokens: Uint8Array[] = [];
  for (let id = 0; id < EOS_ID; id++) tokens.push(bytes.subarray(starts[id], starts[id + 1]));
  tokens.push(new TextEncoder().encode(END_OF_TEXT));
  return tokens;
}

/** GPT-2's vocabulary, built into the program (see NOTICE; written by tasks/gpt2_vocabulary.ts, which holds the format). */

import { BYTES_IN_ID_ORDER } from "./byte_alphabet.ts";
import pairs from "./gpt2_merges.bin" with { type: "bytes" };
import { END_OF_TEXT, type Vocabulary } from "./vocabulary.ts";

/** GPT-2's 50,257 tokens and 50,000 merges. */
export function gpt2Vocabulary(): Vocabulary {
  const view = new DataView(pairs.buffer, pairs.byteOffset, pairs.byteLength);
  const count = pairs.byteLength / 4;
  const tokens: Uint8Array[] = BYTES_IN_ID_ORDER.map((byte) => Uint8Array.of(byte));
  const merges = new Int32Array(count * 3);
  for (let rank = 0; rank < count; rank++) {
    const left = view.getUint16(rank * 4, true);
    const right = view.getUint16(rank * 4 + 2, true);
    merges.set([left, right, tokens.length], rank * 3);
    tokens.push(concatenate(tokens[left], tokens[right]));
  }
  const eosId = tokens.length;
  tokens.push(new TextEncoder().encode(END_OF_TEXT));
  return { tokens, merges, special: new Set([eosId]), eosId };
}

function concatenate(left: Uint8Array, right: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(left.length + right.length);
  bytes.set(left);
  bytes.set(right, left.length);
  return bytes;
}

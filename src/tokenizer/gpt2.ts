/** GPT-2's vocabulary, built into the program (see NOTICE; written by tasks/gpt2_vocabulary.ts, which holds the format). */

import { BYTES_IN_ID_ORDER } from "./byte_alphabet.ts";
import pairs from "./gpt2_merges.bin" with { type: "bytes" };
import { END_OF_TEXT, type Vocabulary } from "./vocabulary.ts";

/** GPT-2's 50,257 tokens and 50,000 merges. */
export function gpt2Vocabulary(): Vocabulary {
  const view = new DataView(pairs.buffer, pairs.byteOffset, pairs.byteLength);
  const count = pairs.byteLength / 4;
  const singles = BYTES_IN_ID_ORDER.length;
  const merges = new Int32Array(count * 3);
  // Where the bytes of each token begin in one array for all of them: every thread that encodes goes through this at its start.
  const starts = new Int32Array(singles + count + 1);
  for (let id = 0; id < singles; id++) starts[id + 1] = id + 1;
  for (let rank = 0; rank < count; rank++) {
    const left = merges[rank * 3] = view.getUint16(rank * 4, true);
    const right = merges[rank * 3 + 1] = view.getUint16(rank * 4 + 2, true);
    const id = merges[rank * 3 + 2] = singles + rank;
    starts[id + 1] = starts[id] + (starts[left + 1] - starts[left]) + (starts[right + 1] - starts[right]);
  }
  const bytes = new Uint8Array(starts[singles + count]);
  bytes.set(BYTES_IN_ID_ORDER);
  for (let rank = 0; rank < count; rank++) {
    let at = starts[singles + rank];
    for (const half of [merges[rank * 3], merges[rank * 3 + 1]]) {
      for (let i = starts[half]; i < starts[half + 1]; i++) bytes[at++] = bytes[i];
    }
  }
  const tokens: Uint8Array[] = [];
  for (let id = 0; id < singles + count; id++) tokens.push(bytes.subarray(starts[id], starts[id + 1]));
  const eosId = tokens.length;
  tokens.push(new TextEncoder().encode(END_OF_TEXT));
  return { tokens, merges, special: new Set([eosId]), eosId };
}

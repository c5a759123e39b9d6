/**
 * Counts the different pieces of a stretch of text, as fast as may be: what each thread does. The table is open addressing
 * over one Int32Array, four words a slot, one line of the processor's cache: two key words, length, count. A piece of up
 * to 8 bytes is its own key; a longer one has its hash and the place of its bytes in an arena.
 */

import { free } from "./free.ts";
import { hashBytes, hashWords, HIGH_MASK, LOW_MASK } from "./piece_hash.ts";
import type { CountedPieces, TextBatch } from "./piece_batch.ts";
import type { PieceEnd } from "./split.ts";

const WORDS = 4;
const LENGTH = 2;
const COUNT = 3;

export interface PieceCounter {
  /** Counts the pieces of every text of a batch. Between two calls of `take` at most 2^31 may come together. */
  add(batch: TextBatch): void;
  /** Gives the counts and begins anew. */
  take(): CountedPieces;
  /** Different pieces now. */
  readonly distinct: number;
  /** Size of the tables, bytes. */
  readonly memory: number;
}

/** An empty counter. */
export function createPieceCounter(pieceEnd: PieceEnd): PieceCounter {
  let slots = new Int32Array((1 << 12) * WORDS); // count 0 in an empty slot
  let arena = new Uint8Array(1 << 14);
  let arenaUsed = 0;
  let distinct = 0;
  let text = new Uint8Array(0);
  let view = new DataView(text.buffer);

  function sameBytes(start: number, length: number, at: number): boolean {
    for (let i = 0; i < length; i++) if (text[start + i] !== arena[at + i]) return false;
    return true;
  }

  function grow(): void {
    const old = slots;
    slots = new Int32Array(old.length * 2);
    const mask = slots.length / WORDS - 1;
    for (let from = 0; from < old.length; from += WORDS) {
      if (old[from + COUNT] === 0) continue;
      const length = old[from + LENGTH];
      let slot = hashWords(old[from], length > 8 ? 0 : old[from + 1], length) & mask;
      while (slots[slot * WORDS + COUNT] !== 0) slot = (slot + 1) & mask;
      for (let word = 0; word < WORDS; word++) slots[slot * WORDS + word] = old[from + word];
    }
    free(old);
  }

  function insert(at: number, low: number, high: number, start: number, length: number): void {
    slots[at] = low;
    slots[at + 1] = high;
    slots[at + LENGTH] = length;
    slots[at + COUNT] = 1;
    if (length > 8) {
      if (arenaUsed + length > arena.length) {
        arena = new Uint8Array(arena.buffer.transfer(Math.max(arena.length * 2, arenaUsed + length)));
      }
      slots[at + 1] = arenaUsed;
      arena.set(text.subarray(start, start + length), arenaUsed);
      arenaUsed += length;
    }
    if (++distinct * 1.6 > slots.length / WORDS) grow();
  }

  function count(start: number, length: number): void {
    let low: number;
    let high = 0;
    if (length <= 8) {
      low = view.getInt32(start, true) & LOW_MASK[length];
      high = view.getInt32(start + 4, true) & HIGH_MASK[length];
    } else {
      low = hashBytes(view, text, start, length);
    }
    const mask = slots.length / WORDS - 1;
    for (let slot = hashWords(low, high, length) & mask;; slot = (slot + 1) & mask) {
      const at = slot * WORDS;
      if (slots[at + COUNT] === 0) return insert(at, low, high, start, length);
      if (slots[at] !== low || slots[at + LENGTH] !== length) continue;
      if (length <= 8 ? slots[at + 1] !== high : !sameBytes(start, length, slots[at + 1])) continue;
      slots[at + COUNT]++;
      return;
    }
  }

  return {
    add(batch) {
      text = batch.bytes;
      view = new DataView(text.buffer, text.byteOffset, text.byteLength);
      let start = 0;
      for (let i = 0; i < batch.count; i++) {
        const end = batch.ends[i];
        while (start < end) {
          const stop = pieceEnd(text, start, end);
          count(start, stop - start);
          start = stop;
        }
      }
    },
    take() {
      let size = 0;
      for (let at = 0; at < slots.length; at += WORDS) if (slots[at + COUNT] !== 0) size += slots[at + LENGTH];
      const bytes = new Uint8Array(size);
      const starts = new Uint32Array(distinct + 1);
      const counts = new Float64Array(distinct);
      let piece = 0;
      let end = 0;
      for (let at = 0; at < slots.length; at += WORDS) {
        if (slots[at + COUNT] === 0) continue;
        const length = slots[at + LENGTH];
        if (length > 8) {
          bytes.set(arena.subarray(slots[at + 1], slots[at + 1] + length), end);
          end += length;
        } else {
          for (let i = 0; i < length; i++) bytes[end++] = slots[at + (i >> 2)] >>> ((i & 3) << 3);
        }
        counts[piece++] = slots[at + COUNT];
        starts[piece] = end;
      }
      slots.fill(0);
      distinct = arenaUsed = 0;
      return { bytes, starts, counts };
    },
    get distinct() {
      return distinct;
    },
    get memory() {
      return slots.byteLength + arena.byteLength;
    },
  };
}

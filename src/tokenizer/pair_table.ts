/**
 * Every pair of neighbouring ids seen in training: its count, and the list of pieces it occurs in. Counts are 64-bit
 * floats (32-bit integers overflow on big corpora). A pair is a record of 32 bytes, half a line of the processor's cache;
 * the lists lie in one pool, and one that grows moves to the pool's end.
 */

import { free } from "./free.ts";
import { hashPair } from "./merge_table.ts";

export interface PairTable {
  /** Index of a pair, made with count 0 if it is new. */
  indexOf(left: number, right: number): number;
  left(index: number): number;
  right(index: number): number;
  count(index: number): number;
  addCount(index: number, change: number): void;
  /** Before any list is used: says that a pair occurs in a piece. A piece named twice running counts once. */
  announce(index: number, piece: number): void;
  /** Gives every list the room that was announced. */
  openLists(): void;
  /** Puts an announced piece into a list; the same pieces in the same order as they were announced. */
  place(index: number, piece: number): void;
  /** Makes a list longer by some pieces, and gives the place in `pool` where they are to be written. */
  extend(index: number, pieces: number): number;
  /** Where the lists lie; another array after `openLists` and `extend`. */
  pool(): Int32Array;
  /** Takes the list of a pair and sets its count to 0: the pair is merged. Valid until the next `extend`. */
  take(index: number): Int32Array;
  /** Number of pairs. */
  size(): number;
}

/** Words of a record: left, right, the piece announced last, start and length of the list, one unused, the count. */
const WORDS = 8;
const LAST_PIECE = 2;
const LIST_START = 3;
const LIST_LENGTH = 4;
/** Among the four 64-bit floats that a record would be. */
const COUNT = 3;

/** An empty table. */
export function createPairTable(): PairTable {
  let slots = new Int32Array(1 << 17); // pair index + 1, or 0
  let capacity = 1 << 16;
  let records = new Int32Array(capacity * WORDS);
  let counts = new Float64Array(records.buffer);
  let pairCount = 0;
  let pool = new Int32Array(0);
  let poolUsed = 0;

  function grow(): void {
    capacity *= 2;
    records = new Int32Array(records.buffer.transfer(capacity * WORDS * 4));
    counts = new Float64Array(records.buffer);
    free(slots);
    slots = new Int32Array(capacity * 2);
    const mask = slots.length - 1;
    for (let index = 0; index < pairCount; index++) {
      let slot = hashPair(records[index * WORDS], records[index * WORDS + 1]) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = index + 1;
    }
  }

  function add(left: number, right: number, slot: number): number {
    const index = pairCount++;
    const at = index * WORDS;
    records[at] = left;
    records[at + 1] = right;
    records[at + LAST_PIECE] = -1;
    slots[slot] = pairCount;
    if (pairCount === capacity) grow();
    return index;
  }

  return {
    indexOf(left, right) {
      const mask = slots.length - 1;
      let slot = hashPair(left, right) & mask;
      for (; slots[slot] !== 0; slot = (slot + 1) & mask) {
        const index = slots[slot] - 1;
        if (records[index * WORDS] === left && records[index * WORDS + 1] === right) return index;
      }
      return add(left, right, slot);
    },
    left: (index) => records[index * WORDS],
    right: (index) => records[index * WORDS + 1],
    count: (index) => counts[index * 4 + COUNT],
    addCount(index, change) {
      counts[index * 4 + COUNT] += change;
    },
    announce(index, piece) {
      const at = index * WORDS;
      if (records[at + LAST_PIECE] === piece) return;
      records[at + LAST_PIECE] = piece;
      records[at + LIST_LENGTH]++;
    },
    openLists() {
      for (let index = 0; index < pairCount; index++) {
        const at = index * WORDS;
        records[at + LIST_START] = poolUsed;
        poolUsed += records[at + LIST_LENGTH];
        records[at + LIST_LENGTH] = 0;
        records[at + LAST_PIECE] = -1;
      }
      // Merging adds about as much again.
      pool = new Int32Array(Math.max(1 << 16, poolUsed * 2));
    },
    place(index, piece) {
      const at = index * WORDS;
      if (records[at + LAST_PIECE] === piece) return;
      records[at + LAST_PIECE] = piece;
      pool[records[at + LIST_START] + records[at + LIST_LENGTH]++] = piece;
    },
    extend(index, pieces) {
      const at = index * WORDS;
      const length = records[at + LIST_LENGTH];
      const needed = poolUsed + length + pieces;
      if (needed > pool.length) {
        pool = new Int32Array(pool.buffer.transfer(Math.max(needed, Math.ceil(pool.length * 1.5)) * 4));
      }
      if (length > 0) {
        const start = records[at + LIST_START];
        pool.copyWithin(poolUsed, start, start + length);
      }
      records[at + LIST_START] = poolUsed;
      records[at + LIST_LENGTH] += pieces;
      poolUsed = needed;
      return needed - pieces;
    },
    pool: () => pool,
    take(index) {
      const at = index * WORDS;
      const start = records[at + LIST_START];
      const list = pool.subarray(start, start + records[at + LIST_LENGTH]);
      records[at + LIST_LENGTH] = 0;
      counts[index * 4 + COUNT] = 0;
      return list;
    },
    size: () => pairCount,
  };
}

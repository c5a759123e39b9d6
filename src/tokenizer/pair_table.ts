/**
 * Every pair of neighbouring ids seen in training: its count, and the list of pieces it occurs in. Counts are 64-bit
 * floats (32-bit integers overflow on big corpora). The lists lie in one pool; a list that grows moves to the pool's end.
 */

import { hashPair } from "./merge_table.ts";

export interface PairTable {
  /** Index of a pair, made with count 0 if it is new. */
  indexOf(left: number, right: number): number;
  left(index: number): number;
  right(index: number): number;
  count(index: number): number;
  addCount(index: number, change: number): void;
  /** Notes that a pair occurs in a piece; takes effect with the next `commit`. A piece noted twice running counts once. */
  note(index: number, piece: number): void;
  /** Puts the noted pieces into the lists. Gives the indices of the pairs that were noted; valid until the next `note`. */
  commit(): Int32Array;
  /** Takes the list of a pair and sets its count to 0: the pair is merged. Valid until the next `commit`. */
  take(index: number): Int32Array;
  /** Number of pairs. */
  size(): number;
}

/** An empty table. */
export function createPairTable(): PairTable {
  let slots = new Int32Array(1 << 17); // pair index + 1, or 0
  let capacity = 1 << 16;
  let lefts = new Int32Array(capacity);
  let rights = new Int32Array(capacity);
  let counts = new Float64Array(capacity);
  let listStarts = new Uint32Array(capacity);
  let listLengths = new Uint32Array(capacity);
  let noteCounts = new Uint32Array(capacity);
  let lastPieces = new Int32Array(capacity).fill(-1);
  let pairCount = 0;
  let pool = new Int32Array(1 << 16);
  let poolUsed = 0;
  let notedPairs = new Int32Array(1 << 16);
  let notedPieces = new Int32Array(1 << 16);
  let noteCount = 0;
  let touched = new Int32Array(1 << 10);
  let touchedCount = 0;

  function grow(): void {
    capacity *= 2;
    lefts = grownInt32(lefts, capacity);
    rights = grownInt32(rights, capacity);
    lastPieces = grownInt32(lastPieces, capacity).fill(-1, capacity / 2);
    counts = copied(counts, new Float64Array(capacity));
    listStarts = copied(listStarts, new Uint32Array(capacity));
    listLengths = copied(listLengths, new Uint32Array(capacity));
    noteCounts = copied(noteCounts, new Uint32Array(capacity));
    slots = new Int32Array(capacity * 2);
    const mask = slots.length - 1;
    for (let index = 0; index < pairCount; index++) {
      let slot = hashPair(lefts[index], rights[index]) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = index + 1;
    }
  }

  return {
    indexOf(left, right) {
      const mask = slots.length - 1;
      let slot = hashPair(left, right) & mask;
      for (; slots[slot] !== 0; slot = (slot + 1) & mask) {
        const index = slots[slot] - 1;
        if (lefts[index] === left && rights[index] === right) return index;
      }
      const index = pairCount++;
      lefts[index] = left;
      rights[index] = right;
      slots[slot] = pairCount;
      if (pairCount === capacity) grow();
      return index;
    },
    left: (index) => lefts[index],
    right: (index) => rights[index],
    count: (index) => counts[index],
    addCount(index, change) {
      counts[index] += change;
    },
    note(index, piece) {
      if (lastPieces[index] === piece) return;
      lastPieces[index] = piece;
      if (noteCount === notedPairs.length) {
        notedPairs = grownInt32(notedPairs, noteCount * 2);
        notedPieces = grownInt32(notedPieces, noteCount * 2);
      }
      notedPairs[noteCount] = index;
      notedPieces[noteCount++] = piece;
      if (noteCounts[index]++ === 0) {
        if (touchedCount === touched.length) touched = grownInt32(touched, touchedCount * 2);
        touched[touchedCount++] = index;
      }
    },
    commit() {
      let needed = poolUsed;
      for (let i = 0; i < touchedCount; i++) needed += listLengths[touched[i]] + noteCounts[touched[i]];
      if (needed > pool.length) pool = grownInt32(pool, Math.max(needed, pool.length * 2));
      for (let i = 0; i < touchedCount; i++) {
        const index = touched[i];
        const length = listLengths[index];
        pool.copyWithin(poolUsed, listStarts[index], listStarts[index] + length);
        listStarts[index] = poolUsed;
        poolUsed += length + noteCounts[index];
        noteCounts[index] = 0;
      }
      for (let i = 0; i < noteCount; i++) {
        const index = notedPairs[i];
        pool[listStarts[index] + listLengths[index]++] = notedPieces[i];
      }
      const result = touched.subarray(0, touchedCount);
      noteCount = touchedCount = 0;
      return result;
    },
    take(index) {
      const list = pool.subarray(listStarts[index], listStarts[index] + listLengths[index]);
      listLengths[index] = 0;
      lastPieces[index] = -1;
      counts[index] = 0;
      return list;
    },
    size: () => pairCount,
  };
}

function grownInt32(from: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  return copied(from, new Int32Array(length));
}

function copied<T extends Int32Array | Float64Array | Uint32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

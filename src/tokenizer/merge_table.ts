/**
 * Looks up a pair of neighbouring ids and gives the rank of its merge and the id it makes. Open addressing with linear
 * probing over one Int32Array, four numbers a slot (left, right, rank, result): one lookup touches one cache line. Most
 * pairs are no merges; a filter of 64 KB, which stays in the processor's cache, tells so of most of them.
 */

/** Rank of a pair that is not a merge: larger than every rank. */
export const NO_MERGE = 0x7fffffff;

/** A bit for every value of the hash's upper 19 bits. */
export const FILTER_BYTES = 1 << 16;

export interface MergeTable {
  /** Slots of (left, right, rank, result); left is -1 in an empty slot. */
  readonly slots: Int32Array;
  /** Number of slots less one. */
  readonly mask: number;
  /** Result of each rank. */
  readonly results: Int32Array;
  /** Bit `hash >>> 13` of every merge's hash is set. */
  readonly filter: Uint8Array;
}

/** @param merges Triples (left, right, result) in order of rank; no pair twice. */
export function buildMergeTable(merges: Int32Array): MergeTable {
  const count = merges.length / 3;
  let capacity = 1024;
  while (capacity < count * 2) capacity *= 2;
  const slots = new Int32Array(capacity * 4).fill(-1);
  const mask = capacity - 1;
  const results = new Int32Array(count);
  const filter = new Uint8Array(FILTER_BYTES);
  for (let rank = 0; rank < count; rank++) {
    const left = merges[rank * 3];
    const right = merges[rank * 3 + 1];
    const hash = hashPair(left, right);
    filter[hash >>> 16] |= 1 << ((hash >>> 13) & 7);
    let slot = hash & mask;
    while (slots[slot * 4] !== -1) slot = (slot + 1) & mask;
    slots[slot * 4] = left;
    slots[slot * 4 + 1] = right;
    slots[slot * 4 + 2] = rank;
    slots[slot * 4 + 3] = merges[rank * 3 + 2];
    results[rank] = merges[rank * 3 + 2];
  }
  return { slots, mask, results, filter };
}

/** Rank of the merge of two neighbours, or `NO_MERGE`. */
export function rankOf(table: MergeTable, left: number, right: number): number {
  const { slots, mask, filter } = table;
  const hash = hashPair(left, right);
  if ((filter[hash >>> 16] >>> ((hash >>> 13) & 7) & 1) === 0) return NO_MERGE;
  for (let slot = hash & mask;; slot = (slot + 1) & mask) {
    const at = slot * 4;
    if (slots[at] === left && slots[at + 1] === right) return slots[at + 2];
    if (slots[at] === -1) return NO_MERGE;
  }
}

/** A well-mixed 32-bit hash of two ids. */
export function hashPair(left: number, right: number): number {
  let hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return hash ^ (hash >>> 13);
}

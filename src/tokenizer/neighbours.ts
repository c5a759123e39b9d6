/**
 * What one merge meets on one side of its pair: for every neighbouring id how often, and in which pieces. The pairs' own
 * records are far apart in memory; gathering first means that a merge goes to each of them once, not at every place.
 */

import type { PairTable } from "./pair_table.ts";

export interface Neighbours {
  /** Three words for each id: notes in this merge, the piece noted last, where its next piece goes. */
  readonly records: Int32Array;
  /** Occurrences of each id in this merge; meaningful for those in `ids`. */
  readonly counts: Float64Array;
  /** The ids met, `size` of them. */
  readonly ids: Int32Array;
  /** For each of them, the pair that it makes with the merge's result. */
  readonly gained: Int32Array;
  size: number;
  /** Neighbour and piece, one after the other, `noted` words. */
  notes: Int32Array<ArrayBuffer>;
  noted: number;
}

/** Words of a record. */
const WORDS = 3;
const NOTES = 0;
const LAST_PIECE = 1;
const CURSOR = 2;

/** @param idCount Every id is below it. */
export function createNeighbours(idCount: number): Neighbours {
  return {
    records: new Int32Array(idCount * WORDS),
    counts: new Float64Array(idCount),
    ids: new Int32Array(idCount),
    gained: new Int32Array(idCount),
    size: 0,
    notes: new Int32Array(1 << 16),
    noted: 0,
  };
}

/** Counts a neighbour in a piece; the pieces come one after the other. */
export function meet(side: Neighbours, id: number, count: number, piece: number): void {
  const { records, counts } = side;
  const at = id * WORDS;
  if (records[at + NOTES] === 0) {
    side.ids[side.size++] = id;
    counts[id] = 0;
  } else if (records[at + LAST_PIECE] === piece) {
    counts[id] += count;
    return;
  }
  counts[id] += count;
  records[at + NOTES]++;
  records[at + LAST_PIECE] = piece;
  if (side.noted === side.notes.length) side.notes = doubled(side.notes);
  side.notes[side.noted++] = id;
  side.notes[side.noted++] = piece;
}

/**
 * Hands what was met on to the pairs that are gained: their counts and lists.
 * @param pairWith The pair that a neighbour makes with the merge's result.
 */
export function settle(side: Neighbours, pairs: PairTable, pairWith: (id: number) => number): void {
  const { records, notes } = side;
  for (let i = 0; i < side.size; i++) {
    const id = side.ids[i];
    const pair = pairWith(id);
    pairs.addCount(pair, side.counts[id]);
    records[id * WORDS + CURSOR] = pairs.extend(pair, records[id * WORDS + NOTES]);
    records[id * WORDS + NOTES] = 0;
    side.gained[i] = pair;
  }
  const pool = pairs.pool();
  for (let i = 0; i < side.noted; i += 2) pool[records[notes[i] * WORDS + CURSOR]++] = notes[i + 1];
}

/** Forgets what was met: the next merge. */
export function clear(side: Neighbours): void {
  side.size = side.noted = 0;
}

function doubled(from: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const to = new Int32Array(from.length * 2);
  to.set(from);
  return to;
}

/**
 * Byte-pair merging of one piece: again and again the pair of the lowest rank, leftmost first, becomes one id, until no
 * pair is a merge. Short pieces scan for the lowest rank (few cache lines, no allocation); long ones keep a heap of pairs
 * over a linked list, O(n log n) where scanning would be quadratic.
 */

import { type MergeTable, NO_MERGE, rankOf } from "./merge_table.ts";

/** Pieces of up to this many ids are merged by scanning. */
const SCAN_LIMIT = 256;
/** A heap key is `rank * 2^31 + position`: exact in a float64 while ranks stay below 2^22. */
const POSITION_SPAN = 2 ** 31;

const scanRanks = new Int32Array(SCAN_LIMIT + 1);

/**
 * Merges ids in place.
 * @param ids Holds the piece's byte ids from `start`, `count` of them; receives the result at `start`.
 * @returns How many ids are left.
 */
export function mergePiece(table: MergeTable, ids: Uint32Array, start: number, count: number): number {
  if (count < 2) return count;
  return count <= SCAN_LIMIT ? mergeByScan(table, ids, start, count) : mergeByHeap(table, ids, start, count);
}

function mergeByScan(table: MergeTable, ids: Uint32Array, start: number, count: number): number {
  const ranks = scanRanks; // ranks[i]: rank of the pair (i, i + 1)
  for (let i = 0; i < count - 1; i++) ranks[i] = rankOf(table, ids[start + i], ids[start + i + 1]);
  ranks[count - 1] = NO_MERGE;
  for (;;) {
    let best = NO_MERGE;
    let at = 0;
    for (let i = 0; i < count - 1; i++) {
      if (ranks[i] < best) {
        best = ranks[i];
        at = i;
      }
    }
    if (best === NO_MERGE) return count;
    ids[start + at] = table.results[best];
    count--;
    for (let i = at + 1; i < count; i++) {
      ids[start + i] = ids[start + i + 1];
      ranks[i] = ranks[i + 1];
    }
    ranks[at] = at + 1 < count ? rankOf(table, ids[start + at], ids[start + at + 1]) : NO_MERGE;
    if (at > 0) ranks[at - 1] = rankOf(table, ids[start + at - 1], ids[start + at]);
  }
}

function mergeByHeap(table: MergeTable, ids: Uint32Array, start: number, count: number): number {
  const next = new Int32Array(count);
  const previous = new Int32Array(count);
  const ranks = new Int32Array(count); // rank of the pair that starts here; NO_MERGE also where the id is gone
  const heap = new Float64Array(count * 2);
  let size = 0;
  for (let i = 0; i < count; i++) {
    next[i] = i + 1;
    previous[i] = i - 1;
    ranks[i] = i + 1 < count ? rankOf(table, ids[start + i], ids[start + i + 1]) : NO_MERGE;
    if (ranks[i] !== NO_MERGE) heap[size++] = ranks[i] * POSITION_SPAN + i;
  }
  for (let i = (size >> 1) - 1; i >= 0; i--) siftDown(heap, size, i);

  const update = (at: number) => {
    const after = next[at];
    const rank = after < count ? rankOf(table, ids[start + at], ids[start + after]) : NO_MERGE;
    ranks[at] = rank;
    if (rank !== NO_MERGE) siftUp(heap, size++, rank * POSITION_SPAN + at);
  };
  while (size > 0) {
    const key = heap[0];
    heap[0] = heap[--size];
    siftDown(heap, size, 0);
    const rank = Math.floor(key / POSITION_SPAN);
    const at = key - rank * POSITION_SPAN;
    if (ranks[at] !== rank) continue; // the pair has changed since
    const gone = next[at];
    ids[start + at] = table.results[rank];
    ranks[gone] = NO_MERGE;
    next[at] = next[gone];
    if (next[at] < count) previous[next[at]] = at;
    update(at);
    if (previous[at] >= 0) update(previous[at]);
  }
  let left = 0;
  for (let at = 0; at < count; at = next[at]) ids[start + left++] = ids[start + at];
  return left;
}

function siftUp(heap: Float64Array, at: number, key: number): void {
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (heap[parent] <= key) break;
    heap[at] = heap[parent];
    at = parent;
  }
  heap[at] = key;
}

function siftDown(heap: Float64Array, size: number, at: number): void {
  const key = heap[at];
  for (;;) {
    let child = at * 2 + 1;
    if (child >= size) break;
    if (child + 1 < size && heap[child + 1] < heap[child]) child++;
    if (heap[child] >= key) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = key;
}

/**
 * The different pieces of a whole corpus, summed up from the counts of its segments, in bounded memory: open addressing
 * over typed arrays (a JavaScript Map ends at 16.7 million keys), the pieces' bytes in one arena.
 *
 * When they take more than they may, the pieces seen least are forgotten: all whose count is up to a threshold, the lowest
 * that gives enough room. Which those are depends on the counts alone, not on the order in which they came.
 */

import { free } from "./free.ts";
import type { CountedPieces } from "./piece_batch.ts";

/** What pieces cost: bytes for each, and bytes for each of its bytes. */
export interface PieceCost {
  readonly perPiece: number;
  readonly perByte: number;
}

/** Of this table: hash, count, start, and the slots at their usual load. */
export const TABLE_COST: PieceCost = { perPiece: 32, perByte: 1 };

/** What was forgotten to bound memory; all 0 means that the counts are exact. */
export interface Forgotten {
  /** Pieces dropped; one that came again and was dropped again counts again. */
  readonly pieces: number;
  /** Their occurrences. */
  readonly occurrences: number;
  /** The highest count that was dropped. */
  readonly highestCount: number;
}

export interface PieceTable {
  /** Adds the counts of one segment's pieces. */
  add(counted: CountedPieces): void;
  /**
   * If the pieces cost more than `most`, forgets those seen least until they cost at most `target`. A piece longer than
   * a quarter of `target` by itself goes whatever its count.
   */
  bound(cost: PieceCost, most: number, target: number): void;
  readonly distinct: number;
  readonly forgotten: Forgotten;
  /** Size of the tables, bytes. */
  readonly memory: number;
  /** The counts so far. Views, valid until the next `add` or `release`. */
  pieces(): CountedPieces;
  /** Gives the memory back now, not when the garbage collector comes to it. The table is of no use any more. */
  release(): void;
}

/** An empty table. */
export function createPieceTable(): PieceTable {
  let slots = new Int32Array(1 << 13); // piece index + 1, or 0
  let hashes = new Int32Array(1 << 12);
  let counts = new Float64Array(1 << 12);
  let starts = new Uint32Array((1 << 12) + 1);
  let bytes = new Uint8Array(1 << 15);
  let distinct = 0;
  const forgotten = { pieces: 0, occurrences: 0, highestCount: 0 };

  function fillSlots(capacity: number): void {
    if (capacity === slots.length) {
      slots.fill(0);
    } else {
      free(slots);
      slots = new Int32Array(capacity);
    }
    const mask = capacity - 1;
    for (let index = 0; index < distinct; index++) {
      let slot = hashes[index] & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = index + 1;
    }
  }

  function isPiece(index: number, text: Uint8Array, start: number, length: number): boolean {
    const from = starts[index];
    if (starts[index + 1] - from !== length) return false;
    for (let i = 0; i < length; i++) if (bytes[from + i] !== text[start + i]) return false;
    return true;
  }

  function addPiece(text: Uint8Array, start: number, length: number, count: number): void {
    const hash = hashOf(text, start, length);
    const mask = slots.length - 1;
    let slot = hash & mask;
    for (; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const index = slots[slot] - 1;
      if (hashes[index] !== hash || !isPiece(index, text, start, length)) continue;
      counts[index] += count;
      return;
    }
    const end = starts[distinct] + length;
    if (end > bytes.length) {
      bytes = new Uint8Array(bytes.buffer.transfer(Math.max(end, Math.ceil(bytes.length * 1.5))));
    }
    bytes.set(text.subarray(start, start + length), starts[distinct]);
    hashes[distinct] = hash;
    counts[distinct] = count;
    starts[distinct + 1] = end;
    slots[slot] = ++distinct;
    if (distinct === counts.length) {
      const capacity = Math.ceil(distinct * 1.5);
      hashes = new Int32Array(hashes.buffer.transfer(capacity * 4));
      counts = new Float64Array(counts.buffer.transfer(capacity * 8));
      starts = new Uint32Array(starts.buffer.transfer((capacity + 1) * 4));
    }
    if (distinct > slots.length * 0.625) fillSlots(slots.length * 2);
  }

  /** Keeps the pieces in bins from `firstKept` up that are no longer than `longest`. */
  function keep(firstKept: number, longest: number): void {
    let kept = 0;
    let end = 0;
    for (let index = 0; index < distinct; index++) {
      const from = starts[index];
      const to = starts[index + 1];
      if (binOf(counts[index]) < firstKept || to - from > longest) {
        forgotten.pieces++;
        forgotten.occurrences += counts[index];
        forgotten.highestCount = Math.max(forgotten.highestCount, counts[index]);
        continue;
      }
      bytes.copyWithin(end, from, to);
      counts[kept] = counts[index];
      hashes[kept] = hashes[index];
      starts[kept++] = end;
      end += to - from;
    }
    distinct = kept;
    starts[distinct] = end;
    fillSlots(slots.length);
  }

  return {
    add(counted) {
      for (let piece = 0; piece < counted.counts.length; piece++) {
        const start = counted.starts[piece];
        addPiece(counted.bytes, start, counted.starts[piece + 1] - start, counted.counts[piece]);
      }
    },
    bound({ perPiece, perByte }, most, target) {
      let total = distinct * perPiece + starts[distinct] * perByte;
      if (total <= most) return;
      const longest = target / 4 / perByte;
      const costs = new Float64Array(BINS);
      for (let index = 0; index < distinct; index++) {
        const length = starts[index + 1] - starts[index];
        const cost = perPiece + length * perByte;
        if (length > longest) total -= cost;
        else costs[binOf(counts[index])] += cost;
      }
      let firstKept = 0;
      while (total > target) total -= costs[firstKept++];
      keep(firstKept, longest);
    },
    get distinct() {
      return distinct;
    },
    get forgotten() {
      return { ...forgotten };
    },
    get memory() {
      return slots.byteLength + hashes.byteLength + counts.byteLength + starts.byteLength + bytes.byteLength;
    },
    pieces: () => ({
      bytes: bytes.subarray(0, starts[distinct]),
      starts: starts.subarray(0, distinct + 1),
      counts: counts.subarray(0, distinct),
    }),
    release() {
      for (const array of [slots, hashes, counts, starts, bytes]) free(array);
    },
  };
}

/** Bins for counts up to 2^53: each number by itself up to 512, from there on 256 to a doubling. */
const BINS = 54 * 256;

/** The bin of a count of 1 or more. */
function binOf(count: number): number {
  if (count < 512) return count;
  const doublings = Math.floor(Math.log2(count)) - 8;
  return doublings * 256 + Math.floor(count / 2 ** doublings);
}

function hashOf(text: Uint8Array, start: number, length: number): number {
  let hash = length;
  for (let i = start; i < start + length; i++) hash = Math.imul(hash ^ text[i], 0x01000193);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return hash ^ (hash >>> 13);
}

/**
 * Counts the distinct pieces of a stream of texts: an open-addressing table over typed arrays (a JavaScript Map ends at
 * 16.7 million keys), the pieces' bytes in one arena. Memory is bounded: when a limit is reached, the rarest pieces are
 * forgotten, and how many that were is told.
 */

import { pieceEnd } from "./split.ts";

/** Distinct pieces with their counts; piece i is `bytes[starts[i] .. starts[i + 1]]`. */
export interface CountedPieces {
  readonly bytes: Uint8Array;
  /** Length: number of pieces + 1. */
  readonly starts: Uint32Array;
  readonly counts: Float64Array;
}

export interface PieceCounter {
  /** Counts the pieces of one text. */
  add(utf8: Uint8Array): void;
  /** Distinct pieces held now. */
  readonly distinct: number;
  /** Occurrences of pieces that were forgotten because a limit was reached. */
  readonly forgotten: number;
  /** The counts so far. Views, valid until the next `add`. */
  pieces(): CountedPieces;
}

/** @param limits Distinct pieces, and bytes of all distinct pieces, that are held at most. */
export function createPieceCounter(limits: { pieces: number; bytes: number }): PieceCounter {
  let slots = new Int32Array(1 << 16); // piece index + 1, or 0
  let hashes = new Int32Array(1 << 15);
  let counts = new Float64Array(1 << 15);
  let starts = new Uint32Array((1 << 15) + 1);
  let bytes = new Uint8Array(1 << 18);
  let distinct = 0;
  let forgotten = 0;

  /** The index of a piece, or -1. */
  function find(text: Uint8Array, start: number, length: number, hash: number): number {
    const mask = slots.length - 1;
    for (let slot = hash & mask;; slot = (slot + 1) & mask) {
      const index = slots[slot] - 1;
      if (index < 0) return -1;
      if (hashes[index] !== hash) continue;
      const from = starts[index];
      if (starts[index + 1] - from !== length) continue;
      let i = 0;
      while (i < length && bytes[from + i] === text[start + i]) i++;
      if (i === length) return index;
    }
  }

  function fillSlots(capacity: number): void {
    slots = capacity === slots.length ? slots.fill(0) : new Int32Array(capacity);
    const mask = capacity - 1;
    for (let index = 0; index < distinct; index++) {
      let slot = hashes[index] & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = index + 1;
    }
  }

  /** Forgets the pieces with the lowest counts until at most half of either limit is in use. */
  function forgetRarest(): void {
    for (let threshold = 1; distinct > limits.pieces / 2 || starts[distinct] > limits.bytes / 2; threshold *= 2) {
      let kept = 0;
      let end = 0;
      for (let index = 0; index < distinct; index++) {
        const from = starts[index];
        const to = starts[index + 1];
        if (counts[index] <= threshold) {
          forgotten += counts[index];
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
    }
    fillSlots(slots.length);
  }

  function insert(text: Uint8Array, start: number, length: number, hash: number): void {
    if (length > limits.bytes / 2) {
      forgotten++;
      return;
    }
    if (distinct + 1 > limits.pieces || starts[distinct] + length > limits.bytes) forgetRarest();
    const end = starts[distinct] + length;
    if (distinct === counts.length) {
      hashes = grown(hashes, new Int32Array(distinct * 2));
      counts = grown(counts, new Float64Array(distinct * 2));
      starts = grown(starts, new Uint32Array(distinct * 2 + 1));
      fillSlots(slots.length * 2);
    }
    if (end > bytes.length) bytes = grown(bytes, new Uint8Array(Math.max(end, bytes.length * 2)));
    bytes.set(text.subarray(start, start + length), starts[distinct]);
    hashes[distinct] = hash;
    counts[distinct] = 1;
    starts[distinct + 1] = end;
    const mask = slots.length - 1;
    let slot = hash & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = ++distinct;
  }

  return {
    add(text) {
      const end = text.length;
      for (let start = 0; start < end;) {
        const stop = pieceEnd(text, start, end);
        const length = stop - start;
        let hash = length;
        for (let i = start; i < stop; i++) hash = Math.imul(hash ^ text[i], 0x01000193);
        hash ^= hash >>> 15;
        const index = find(text, start, length, hash);
        if (index >= 0) counts[index]++;
        else insert(text, start, length, hash);
        start = stop;
      }
    },
    get distinct() {
      return distinct;
    },
    get forgotten() {
      return forgotten;
    },
    pieces: () => ({ bytes, starts: starts.subarray(0, distinct + 1), counts: counts.subarray(0, distinct) }),
  };
}

function grown<T extends Int32Array | Float64Array | Uint32Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

/**
 * Learns the merges of a byte-pair vocabulary (Sennrich et al. 2016): the most frequent pair of neighbours becomes a new
 * token, again and again. The order is Hugging Face's: the higher count first, ties to the smaller (left, right) ids.
 *
 * Method: a heap of (pair, count) that is put right only when a stale entry comes to its top; each merge visits only
 * the pieces that its pair is listed in, and changes the counts of the neighbouring pairs there.
 */

import { BYTE_TO_CHAR, BYTES_IN_ID_ORDER } from "./byte_alphabet.ts";
import { clear, createNeighbours, meet, settle } from "./neighbours.ts";
import { createPairTable, type PairTable } from "./pair_table.ts";
import type { CountedPieces } from "./piece_batch.ts";

export interface LearnedMerges {
  /** Printable text of every id; ids 0–255 are the bytes. */
  readonly tokens: string[];
  /** Triples (left, right, result) in order of rank. */
  readonly merges: number[];
}

export interface LearnOptions {
  /** Tokens to make, the 256 bytes among them. */
  tokenCount: number;
  /** A pair that occurs less often is not merged. */
  minFrequency: number;
  /** Printable texts that no token may have. */
  reserved: ReadonlySet<string>;
  /** Called every 50 ms or so, with the number of tokens so far; may throw to stop. */
  pause(tokens: number): Promise<void>;
}

/**
 * Learns merges; ends early where no pair is frequent enough.
 * @param symbols From `layOutPieces`; changed.
 */
export async function learnMerges(symbols: Int32Array, options: LearnOptions): Promise<LearnedMerges> {
  const { tokenCount, minFrequency, reserved, pause } = options;
  const tokens = BYTES_IN_ID_ORDER.map((byte) => BYTE_TO_CHAR[byte]);
  const idOf = new Map(tokens.map((text, id) => [text, id]));
  const merges: number[] = [];

  const turn = createPacer(() => pause(tokens.length));
  const pairs = await countPairs(symbols, turn);
  const heap = createPairHeap(pairs);
  for (let pair = 0; pair < pairs.size(); pair++) heap.push(pair);

  const before = createNeighbours(tokenCount);
  const after = createNeighbours(tokenCount);
  const recorded = new Set<number>();
  while (tokens.length < tokenCount) {
    const pair = heap.pop();
    if (pair < 0 || pairs.count(pair) < Math.max(minFrequency, 1)) break;
    const left = pairs.left(pair);
    const right = pairs.right(pair);
    const text = tokens[left] + tokens[right];
    const list = pairs.take(pair);
    if (reserved.has(text)) continue;
    // Two merges may spell the same token; they share its id.
    const id = idOf.get(text) ?? tokens.length;
    if (id === tokens.length) {
      tokens.push(text);
      idOf.set(text, id);
    }
    // A pair can come back when one of its tokens is made in a second way. The merge stays as first recorded.
    if (!recorded.has(pair)) merges.push(left, right, id);
    recorded.add(pair);
    for (let i = 0; i < list.length; i++) mergeInPiece(list[i], left, right, id);
    for (let i = 0; i < before.size; i++) {
      pairs.addCount(pairs.indexOf(before.ids[i], left), -before.counts[before.ids[i]]);
    }
    settle(before, pairs, (neighbour) => pairs.indexOf(neighbour, id));
    for (let i = 0; i < after.size; i++) {
      pairs.addCount(pairs.indexOf(right, after.ids[i]), -after.counts[after.ids[i]]);
    }
    settle(after, pairs, (neighbour) => pairs.indexOf(id, neighbour));
    pairs.addCount(pair, -pairs.count(pair)); // overlapping occurrences, as in `aaa`, have left a remainder
    for (const side of [before, after]) {
      for (let i = 0; i < side.size; i++) if (pairs.count(side.gained[i]) > 0) heap.push(side.gained[i]);
      clear(side);
    }
    if (turn.due()) await turn.take();
  }
  return { tokens, merges };

  function mergeInPiece(piece: number, left: number, right: number, id: number): void {
    const start = piece + HEADER;
    let read = start;
    for (; symbols[read] !== left || symbols[read + 1] !== right; read++) if (symbols[read] === END) return;
    const count = countOf(symbols, piece);
    let write = read;
    for (let symbol = symbols[read]; symbol !== END; symbol = symbols[read]) {
      if (symbol !== left || symbols[read + 1] !== right) {
        symbols[write++] = symbol;
        read++;
        continue;
      }
      if (write > start) meet(before, symbols[write - 1], count, piece);
      if (symbols[read + 2] !== END) meet(after, symbols[read + 2], count, piece);
      symbols[write++] = id;
      read += 2;
    }
    symbols[write] = END;
  }
}

/** Words before a piece's ids: its count, low and high. */
const HEADER = 2;
/** Follows a piece's last id. */
const END = -1;

/** All pieces that have a pair in one array: count, ids of the bytes, `END`. A piece is named by where it starts. */
export function layOutPieces({ bytes, starts, counts }: CountedPieces): Int32Array {
  const byteToId = new Int32Array(256);
  for (const [id, byte] of BYTES_IN_ID_ORDER.entries()) byteToId[byte] = id;
  let words = 0;
  for (let piece = 0; piece < counts.length; piece++) {
    const length = starts[piece + 1] - starts[piece];
    if (length > 1) words += HEADER + length + 1;
  }
  const symbols = new Int32Array(words);
  let at = 0;
  for (let piece = 0; piece < counts.length; piece++) {
    if (starts[piece + 1] - starts[piece] < 2) continue;
    symbols[at++] = counts[piece];
    symbols[at++] = Math.floor(counts[piece] / 2 ** 32);
    for (let i = starts[piece]; i < starts[piece + 1]; i++) symbols[at++] = byteToId[bytes[i]];
    symbols[at++] = END;
  }
  return symbols;
}

function countOf(symbols: Int32Array, piece: number): number {
  return (symbols[piece] >>> 0) + symbols[piece + 1] * 2 ** 32;
}

/** The pairs of the pieces as they are, with their counts and lists. */
async function countPairs(symbols: Int32Array, turn: Pacer): Promise<PairTable> {
  const pairs = createPairTable();
  let visits = 0;
  for (let piece = 0; piece < symbols.length;) {
    if ((++visits & 0xfff) === 0 && turn.due()) await turn.take();
    const count = countOf(symbols, piece);
    let at = piece + HEADER;
    for (; symbols[at + 1] !== END; at++) {
      const pair = pairs.indexOf(symbols[at], symbols[at + 1]);
      pairs.addCount(pair, count);
      pairs.announce(pair, piece);
    }
    piece = at + 2;
  }
  pairs.openLists();
  for (let piece = 0; piece < symbols.length;) {
    if ((++visits & 0xfff) === 0 && turn.due()) await turn.take();
    let at = piece + HEADER;
    for (; symbols[at + 1] !== END; at++) pairs.place(pairs.indexOf(symbols[at], symbols[at + 1]), piece);
    piece = at + 2;
  }
  return pairs;
}

interface Pacer {
  /** Whether it is time for a pause. */
  due(): boolean;
  take(): Promise<void>;
}

/** Spaces pauses 50 ms apart. */
function createPacer(pause: () => Promise<void>): Pacer {
  let next = performance.now() + 50;
  return {
    due: () => performance.now() > next,
    async take() {
      await pause();
      next = performance.now() + 50;
    },
  };
}

/** A heap of pairs, the most frequent first, ties to the smaller (left, right). */
function createPairHeap(pairs: PairTable): { push(pair: number): void; pop(): number } {
  let entries = new Int32Array(1 << 16);
  let counts = new Float64Array(1 << 16); // as of the push: never below the pair's count now
  let size = 0;

  function precedes(pairA: number, countA: number, pairB: number, countB: number): boolean {
    if (countA !== countB) return countA > countB;
    const [leftA, leftB] = [pairs.left(pairA), pairs.left(pairB)];
    return leftA !== leftB ? leftA < leftB : pairs.right(pairA) < pairs.right(pairB);
  }

  function push(pair: number): void {
    if (size === entries.length) {
      const [oldEntries, oldCounts] = [entries, counts];
      entries = new Int32Array(size * 2);
      counts = new Float64Array(size * 2);
      entries.set(oldEntries);
      counts.set(oldCounts);
    }
    const count = pairs.count(pair);
    let at = size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!precedes(pair, count, entries[parent], counts[parent])) break;
      entries[at] = entries[parent];
      counts[at] = counts[parent];
      at = parent;
    }
    entries[at] = pair;
    counts[at] = count;
  }

  /** Puts an entry where the top was. */
  function replaceTop(pair: number, count: number): void {
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= size) break;
      if (child + 1 < size && precedes(entries[child + 1], counts[child + 1], entries[child], counts[child])) child++;
      if (!precedes(entries[child], counts[child], pair, count)) break;
      entries[at] = entries[child];
      counts[at] = counts[child];
      at = child;
    }
    entries[at] = pair;
    counts[at] = count;
  }

  function removeTop(): void {
    size--;
    if (size > 0) replaceTop(entries[size], counts[size]);
  }

  /** The pair that comes first by its count now, or -1. */
  function pop(): number {
    while (size > 0) {
      const pair = entries[0];
      const count = pairs.count(pair);
      if (count === counts[0]) {
        removeTop();
        return pair;
      }
      if (count > 0) replaceTop(pair, count);
      else removeTop();
    }
    return -1;
  }
  return { push, pop };
}

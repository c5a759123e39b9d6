/**
 * The encoder's module: UTF-8 bytes in, ids out. Every instance has a memory of its own (layout.ts).
 *
 * Pieces are found 64 bytes at a time (blocks.ts) or, where that does not do, one at a time (split.ts); each is looked up in
 * the cache (cache.ts), and merged if it is new (merge.ts, merge_long.ts). The first look into the cache is done here.
 */
import { emit, emitKeyed, hasKey, setOf, shortHigh, shortLow } from "./cache";
import { LOOKAHEAD, MEDIUM_PIECE, OUT_OF_MEMORY, OUTPUT, OUTPUT_IDS } from "./layout";
import { mergeLong } from "./merge_long";
import { pieceEnd } from "./split";
import { pieceStarts } from "./blocks";

export { makeClasses, makeMerges } from "./tables";

let idsAt: usize = OUTPUT;
let idsCount: i32 = 0;

/** Where the ids of the last `encode` are. */
export function outputStart(): usize {
  return idsAt;
}

/** How many ids the last `encode` made. */
export function outputCount(): i32 {
  return idsCount;
}

/** Looks a piece up whose ids most likely stand in the first entry of its set. */
// @ts-ignore: decorator
@inline
function emitLikely(start: usize, length: u32, out: usize): usize {
  if (length > 15) return emit(start, length, out);
  const low = shortLow(start, length);
  const high = shortHigh(start, length);
  const set = setOf(low, high);
  if (!hasKey(set, low, high)) return emitKeyed(low, high, start, length, out);
  const value = v128.load(set, 16);
  const bytes = i32x4.extract_lane(value, 3);
  if (bytes < 0) return emitKeyed(low, high, start, length, out);
  v128.store(out, value);
  return out + bytes;
}

/**
 * Encodes text from `start` on, as far as there is room for ids and pieces are certain to end where they seem to.
 * @param start Start of a piece.
 * @param end Where the text ends; TEXT_PADDING bytes behind it are readable.
 * @param last Whether no text follows.
 * @param scratch Where free memory begins.
 * @returns Where to go on: `end` once everything is done; OUT_OF_MEMORY where a piece is too long.
 */
export function encode(pattern: i32, start: usize, end: usize, last: bool, scratch: usize): isize {
  const full: usize = OUTPUT + ((OUTPUT_IDS - MEDIUM_PIECE) << 2);
  const limit = last ? end : end < start + LOOKAHEAD ? start : end - LOOKAHEAD;
  let out: usize = OUTPUT;
  let at = start;
  idsAt = OUTPUT;
  while (at < limit && out < full) {
    const block = at;
    for (let starts = pieceStarts(block, end, limit, pattern); starts; starts &= starts - 1) {
      const stop = block + <usize>ctz(starts);
      out = emitLikely(at, <u32>(stop - at), out);
      at = stop;
    }
    if (at != block) continue;
    const stop = pieceEnd(at, end, pattern);
    if (stop > limit) break;
    const length = <u32>(stop - at);
    if (length <= <u32>MEDIUM_PIECE) {
      out = emit(at, length, out);
    } else {
      // The ids of a giant stay where they were merged, and the ids before it are taken first.
      if (out != OUTPUT) break;
      const count = mergeLong(at, length, scratch);
      if (count == OUT_OF_MEMORY) return OUT_OF_MEMORY;
      idsAt = scratch;
      idsCount = count;
      return stop;
    }
    at = stop;
  }
  idsCount = <i32>((out - OUTPUT) >>> 2);
  return at;
}

/** Makes the last `encode`'s ids 16 bits wide, in their place; all of them must fit. Up to 14 bytes behind the last are written to. */
export function narrowOutput(): void {
  const end = idsAt + ((<usize>idsCount) << 2);
  let to = idsAt;
  for (let from = idsAt; from < end; from += 32, to += 16) {
    v128.store(to, i16x8.narrow_i32x4_u(v128.load(from), v128.load(from, 16)));
  }
}

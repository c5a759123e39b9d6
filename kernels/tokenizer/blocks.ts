/**
 * The patterns on 64 bytes of ASCII at once: a bit mask for each class of characters, and the starts of pieces from shifts
 * of these masks. A block begins at the start of a piece, so nothing before it matters.
 *
 * Bit i of a mask stands for byte i of the block. `x << 1` has at every byte what x has at the byte before.
 */
import { CODE, DIGITS } from "./layout";
import { contractionLength } from "./split";

// The class tests compare as signed bytes: what lies above the wanted range overflows to negative numbers, and so do bytes
// beyond ASCII or fall below it.

// @ts-ignore: decorator
@inline
function letters(bytes: v128): v128 {
  return i8x16.gt_s(i8x16.add(v128.or(bytes, i8x16.splat(0x20)), i8x16.splat(127 - 122)), i8x16.splat(127 - 26));
}

// @ts-ignore: decorator
@inline
function digits(bytes: v128): v128 {
  return i8x16.gt_s(i8x16.add(bytes, i8x16.splat(127 - 57)), i8x16.splat(127 - 10));
}

/** Tab, line feed, vertical tab, form feed, carriage return. */
// @ts-ignore: decorator
@inline
function controls(bytes: v128): v128 {
  return i8x16.gt_s(i8x16.add(bytes, i8x16.splat(127 - 13)), i8x16.splat(127 - 5));
}

// @ts-ignore: decorator
@inline
function join(a: v128, b: v128, c: v128, d: v128): u64 {
  return <u64>i8x16.bitmask(a) | (<u64>i8x16.bitmask(b) << 16) | (<u64>i8x16.bitmask(c) << 32) |
    (<u64>i8x16.bitmask(d) << 48);
}

// @ts-ignore: decorator
@inline
function equal(a: v128, b: v128, c: v128, d: v128, byte: i8): u64 {
  const wanted = i8x16.splat(byte);
  return join(i8x16.eq(a, wanted), i8x16.eq(b, wanted), i8x16.eq(c, wanted), i8x16.eq(d, wanted));
}

/**
 * Starts of pieces in the block at `start`, and the end of the last certain piece; bit 0 is always left out.
 * @param end Where the text seen so far ends.
 * @param limit Where the last certain piece may end: `end` where no text follows, else some bytes before it.
 * @returns 0 where no piece is known to end within the block.
 */
// @ts-ignore: decorator
@inline
export function pieceStarts(start: usize, end: usize, limit: usize, pattern: i32): u64 {
  const a = v128.load(start), b = v128.load(start, 16), c = v128.load(start, 32), d = v128.load(start, 48);
  let beyond = join(a, b, c, d);
  const letter = join(letters(a), letters(b), letters(c), letters(d));
  const digit = join(digits(a), digits(b), digits(c), digits(d));
  const space = equal(a, b, c, d, 0x20);
  let white = space | join(controls(a), controls(b), controls(c), controls(d));

  // Bytes 0 to `last` are known to start a piece or not: what a piece is also depends on the byte after its end.
  let last: u64 = 62;
  let forced: u64 = 0;
  const left = <u64>(end - start);
  if (left < 64) {
    // At the end of the text white space behaves as if more of it followed.
    const tail = <u64>-1 << left;
    white |= tail;
    beyond &= ~tail;
  }
  const certain = <u64>(limit - start);
  if (certain <= last + <u64>(limit == end)) {
    last = certain;
    if (limit == end) forced = <u64>1 << certain;
  }
  if (beyond) {
    const wide = ctz(beyond);
    if (wide < last + 2) {
      if (wide < 3) return 0;
      last = wide - 2;
      forced = 0;
    }
  }

  let starts: u64;
  const other = ~(letter | digit | white);
  if (pattern == CODE) {
    const lineEnd = equal(a, b, c, d, 0x0a) | equal(a, b, c, d, 0x0d);
    const blank = white & ~lineEnd;
    const attached = (space & ~(blank << 1) & ~(blank >> 1)) << 1;
    const sign = other & ~(other << 1) & ~attached;
    const word = letter & ~(letter << 1) & ~attached & ~(sign << 1);
    starts = digit | sign | word | (lineEnd & ~(lineEnd << 1)) | (blank & ~(blank << 1));
  } else if (pattern == DIGITS) {
    const wordLike = ~(white | digit);
    const same = (letter & (letter << 1)) | (other & (other << 1));
    starts = digit | (wordLike & ~same & ~(space << 1)) | (white & (~(white << 1) | (wordLike >> 1)));
  } else {
    const same = (letter & (letter << 1)) | (digit & (digit << 1)) | (other & (other << 1));
    starts = (~white & ~same & ~(space << 1)) | (white & ~((white << 1) & (white >> 1)));
  }
  starts = ((starts & (((<u64>2) << last) - 1)) | forced) & ~1;
  if (pattern != CODE) {
    const quotes = equal(a, b, c, d, 0x27) & (starts | 1);
    if (quotes) return withContractions(start, end, starts, quotes, last);
  }
  return starts;
}

/** Takes contractions for pieces: `starts` is right but for them, `quotes` are the apostrophes that start a piece. */
function withContractions(start: usize, end: usize, starts: u64, quotes: u64, last: u64): u64 {
  while (quotes) {
    const at = ctz(quotes);
    quotes &= quotes - 1;
    if (start + <usize>at >= end) break;
    const length = <u64>contractionLength(start + <usize>at, end);
    if (length == 0) continue;
    // What cannot be finished here begins the next block.
    if (at + length > last) return starts & (((<u64>2) << at) - 1);
    starts = (starts & ~((<u64>2) << at)) | ((<u64>1) << (at + length));
  }
  return starts;
}

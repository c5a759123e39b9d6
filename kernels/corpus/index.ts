/**
 * The inner loops over JSON lines, 16 bytes at a time. The host (src/corpus/json_memory.ts) puts the lines into this module's memory and
 * reads the texts there. PADDING bytes behind `end`, and behind what is written, may be read and written.
 */

/** What a one-letter escape stands for, by its letter; 0 where there is none. */
const ESCAPES = memory.data<u8>([
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 34, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 47, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 92, 0, 0, 0,
  0, 0, 8, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0, 13, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
]);
const BACKSLASH: u8 = 92;

let copied: usize = 0;
let high: bool = false;

/** Where the last `copyString` stopped writing. */
export function copiedTo(): usize {
  return copied;
}

/** Whether the last `copyString` saw bytes above 127, perhaps some that it did not copy. */
export function sawHigh(): bool {
  return high;
}

/**
 * Copies the inside of a JSON string, short escapes resolved, from `from` to `to`.
 * @returns Where it stopped: at the closing quote, at \u, at what is no JSON, or at `end`.
 */
export function copyString(from: usize, end: usize, to: usize): usize {
  let seen = i64x2.splat(0);
  while (from < end) {
    const bytes = v128.load(from);
    v128.store(to, bytes);
    seen = v128.or(seen, bytes);
    const special = i8x16.bitmask(
      v128.or(
        v128.or(i8x16.eq(bytes, i8x16.splat(34)), i8x16.eq(bytes, i8x16.splat(92))),
        i8x16.lt_u(bytes, i8x16.splat(32)),
      ),
    );
    const plain: usize = special == 0 ? 16 : <usize>ctz(special);
    from += plain;
    to += plain;
    if (special == 0) continue;
    if (from + 1 >= end || load<u8>(from) != BACKSLASH) break;
    const value = load<u8>(ESCAPES + <usize>load<u8>(from, 1));
    if (value == 0) break;
    store<u8>(to++, value);
    from += 2;
  }
  if (from > end) {
    to -= from - end;
    from = end;
  }
  high = i8x16.bitmask(seen) != 0;
  copied = to;
  return from;
}

/** Where the first line feed is, or `end`. */
export function lineEnd(from: usize, end: usize): usize {
  while (from < end) {
    const found = i8x16.bitmask(i8x16.eq(v128.load(from), i8x16.splat(10)));
    if (found != 0) {
      const at = from + <usize>ctz(found);
      return at < end ? at : end;
    }
    from += 16;
  }
  return end;
}

/** How many line feeds there are. */
export function countLines(from: usize, end: usize): i32 {
  let count: i32 = 0;
  for (; from + 16 <= end; from += 16) {
    count += popcnt(i8x16.bitmask(i8x16.eq(v128.load(from), i8x16.splat(10))));
  }
  for (; from < end; from++) count += i32(load<u8>(from) == 10);
  return count;
}

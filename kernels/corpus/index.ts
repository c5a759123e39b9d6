/**
 * The inner loops over JSON lines, 16 and 64 bytes at a time. The host (src/corpus/json_memory.ts) puts the lines into this module's
 * memory and reads the texts there. Its PADDING bytes behind `end`, and behind what is written, may be read and written.
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

/** Marks, from the lowest bit up, which of 16 bytes are quotes, backslashes or control characters. */
// @ts-ignore: decorator
@inline
function specialBytes(bytes: v128): u64 {
  return <u64>i8x16.bitmask(
    v128.or(
      v128.or(i8x16.eq(bytes, i8x16.splat(34)), i8x16.eq(bytes, i8x16.splat(92))),
      i8x16.lt_u(bytes, i8x16.splat(32)),
    ),
  );
}

/** Copies up to 64 bytes; up to 64 are written. Most runs are short, and to tell them apart would cost more than to copy too much. */
// @ts-ignore: decorator
@inline
function copyRun(from: usize, length: usize, to: usize): void {
  v128.store(to, v128.load(from));
  v128.store(to, v128.load(from, 16), 16);
  if (length <= 32) return;
  v128.store(to, v128.load(from, 32), 32);
  v128.store(to, v128.load(from, 48), 48);
}

/**
 * Copies the inside of a JSON string, short escapes resolved, from `from` to `to`. Places of what is special are found for 64 bytes at
 * once, so that what is between them is copied without waiting for where it goes.
 * @returns Where it stopped: at the closing quote, at \u, at what is no JSON, or at `end`.
 */
export function copyString(from: usize, end: usize, to: usize): usize {
  let seen = i64x2.splat(0);
  while (from < end) {
    const a = v128.load(from), b = v128.load(from, 16), c = v128.load(from, 32), d = v128.load(from, 48);
    seen = v128.or(v128.or(seen, v128.or(a, b)), v128.or(c, d));
    let special = specialBytes(a) | (specialBytes(b) << 16) | (specialBytes(c) << 32) | (specialBytes(d) << 48);
    const block = from;
    while (special) {
      const at = block + <usize>ctz(special);
      const run = at - from;
      copyRun(from, run, to);
      from = at;
      to += run;
      if (at + 1 >= end || load<u8>(at) != BACKSLASH) return stop(at, end, to, seen);
      const value = load<u8>(ESCAPES + <usize>load<u8>(at, 1));
      if (value == 0) return stop(at, end, to, seen);
      store<u8>(to++, value);
      from = at + 2;
      // What the backslash escapes is not special, even where it is one.
      special &= special - 1;
      special &= ~((<u64>2 << <u64>(at - block)));
    }
    if (from < block + 64) {
      const run = block + 64 - from;
      copyRun(from, run, to);
      from += run;
      to += run;
    }
  }
  return stop(from, end, to, seen);
}

function stop(from: usize, end: usize, to: usize, seen: v128): usize {
  high = i8x16.bitmask(seen) != 0;
  copied = from > end ? to - (from - end) : to;
  return from > end ? end : from;
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

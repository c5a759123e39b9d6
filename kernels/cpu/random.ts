/**
 * Threefry-2x32 with 13 rounds, as src/program/random.ts has it: two random words for each of four counters at a
 * time.
 */

const TABLE = memory.data<u32>([0x1bd11bda, 1, 2, 3]);

// AssemblyScript functions return one value; a worker has globals of its own.
let word1: v128 = i32x4.splat(0);

// @ts-ignore: decorator
@inline
function constant(index: usize): v128 {
  return v128.load32_splat(TABLE + (index << 2));
}

// @ts-ignore: decorator
@inline
function rotateMix(x: v128, y: v128, by: i32): v128 {
  return v128.xor(v128.or(i32x4.shl(y, by), i32x4.shr_u(y, 32 - by)), x);
}

/**
 * The words 0 of four counters; `threefryWord1()` gives the words 1 of the same four, until the next call.
 * @param key0 the first word of the seed in every lane (`i32x4.splat`, once, before a loop)
 * @param key1 the second
 */
// @ts-ignore: decorator
@inline
export function threefry4(key0: v128, key1: v128, counter0: v128, counter1: v128): v128 {
  const key2 = v128.xor(v128.xor(key0, key1), constant(0));
  let x = i32x4.add(counter0, key0);
  let y = i32x4.add(counter1, key1);
  x = i32x4.add(x, y);
  y = rotateMix(x, y, 13);
  x = i32x4.add(x, y);
  y = rotateMix(x, y, 15);
  x = i32x4.add(x, y);
  y = rotateMix(x, y, 26);
  x = i32x4.add(x, y);
  y = rotateMix(x, y, 6);
  x = i32x4.add(x, key1);
  y = i32x4.add(y, i32x4.add(key2, constant(1)));
  x = i32x4.add(x, y);
  y = rotateMix(x, y, 17);
  x = i32x4.add(x, y);
  y = rotateMix(x, y, 29);
  x = i32x4.add(x, y);
  y = rotateMix(x, y, 16);
  x = i32x4.add(x, y);
  y = rotateMix(x, y, 24);
  x = i32x4.add(x, key2);
  y = i32x4.add(y, i32x4.add(key0, constant(2)));
  x = i32x4.add(x, y);
  y = rotateMix(x, y, 13);
  x = i32x4.add(x, y);
  y = rotateMix(x, y, 15);
  x = i32x4.add(x, y);
  y = rotateMix(x, y, 26);
  x = i32x4.add(x, y);
  y = rotateMix(x, y, 6);
  x = i32x4.add(x, key0);
  y = i32x4.add(y, i32x4.add(key1, constant(3)));
  x = i32x4.add(x, y);
  word1 = rotateMix(x, y, 17);
  return x;
}

/** The words 1 of the counters that `threefry4` was last called with. */
// @ts-ignore: decorator
@inline
export function threefryWord1(): v128 {
  return word1;
}

/**
 * Of two vectors of words, those of counters c and c + 1: w0[c], w1[c], w0[c + 1], w1[c + 1]: the order in which
 * consecutive elements draw them. `Low` takes counters 0 and 1 of the four, `High` 2 and 3.
 */
// @ts-ignore: decorator
@inline
export function interleaveLow(word0: v128, word1: v128): v128 {
  return v128.shuffle<i32>(word0, word1, 0, 4, 1, 5);
}

// @ts-ignore: decorator
@inline
export function interleaveHigh(word0: v128, word1: v128): v128 {
  return v128.shuffle<i32>(word0, word1, 2, 6, 3, 7);
}

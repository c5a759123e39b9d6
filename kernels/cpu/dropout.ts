/**
 * out (n) = x (n) · mask / (1 − rate) (+ residual (n)): element e draws word e & 1 of counter (e >> 1, stream << 20),
 * see src/program/random.ts. One item for every `block` elements, `block` even. Eight elements, four counters, at a
 * time.
 */
import { interleaveHigh, interleaveLow, threefry4, threefryWord1 } from "./random";

/** x · scale where the word is at least the threshold, else 0. */
// @ts-ignore: decorator
@inline
function drop(x: v128, words: v128, threshold: v128, scale: v128): v128 {
  return v128.and(f32x4.mul(x, scale), i32x4.ge_u(words, threshold));
}

/** args: x, residual or 0, out, seed, n, block, counter1, threshold, scale. */
export function dropout(args: usize, item: u32): void {
  const block = load<u32>(args, 20);
  const first = item * block;
  const start = <usize>first << 2;
  const bytes = <usize>min(block, load<u32>(args, 16) - first) << 2;
  const x = load<usize>(args) + start;
  const hasResidual = load<usize>(args, 4) != 0;
  const residual = load<usize>(args, 4) + start;
  const out = load<usize>(args, 8) + start;
  const seed = load<usize>(args, 12);
  const key0 = v128.load32_splat(seed);
  const key1 = v128.load32_splat(seed, 4);
  const counter1 = v128.load32_splat(args, 24);
  const threshold = v128.load32_splat(args, 28);
  const scale = v128.load32_splat(args, 32);
  const four = i32x4.splat(4);
  let counters = i32x4.add(i32x4.splat(first >> 1), i32x4(0, 1, 2, 3));
  let i: usize = 0;
  for (; i + 32 <= bytes; i += 32) {
    const word0 = threefry4(key0, key1, counters, counter1);
    const word1 = threefryWord1();
    counters = i32x4.add(counters, four);
    let a = drop(v128.load(x + i), interleaveLow(word0, word1), threshold, scale);
    let b = drop(v128.load(x + i, 16), interleaveHigh(word0, word1), threshold, scale);
    if (hasResidual) {
      a = f32x4.add(a, v128.load(residual + i));
      b = f32x4.add(b, v128.load(residual + i, 16));
    }
    v128.store(out + i, a);
    v128.store(out + i, b, 16);
  }
  if (i == bytes) return;
  const word0 = threefry4(key0, key1, counters, counter1);
  const word1 = threefryWord1();
  let words = interleaveLow(word0, word1);
  for (let lane = 0; i < bytes; i += 4, lane++) {
    if (lane == 4) words = interleaveHigh(word0, word1);
    let a = drop(v128.load32_zero(x + i), words, threshold, scale);
    if (hasResidual) a = f32x4.add(a, v128.load32_zero(residual + i));
    v128.store32_lane(out + i, a, 0);
    words = v128.shuffle<i32>(words, words, 1, 2, 3, 0);
  }
}

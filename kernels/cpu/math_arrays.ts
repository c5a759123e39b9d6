/**
 * The functions of math.ts, gelu.ts and random.ts over arrays: an entry of its own, which tests/device/cpu_math_test.ts
 * compiles. x and out are addresses, n the number of elements, a multiple of 4.
 */
import { gelu4, geluGradient4 } from "./gelu";
import { exp4, log1 } from "./math";
import { interleaveHigh, interleaveLow, threefry4, threefryWord1 } from "./random";

export function exp(x: usize, out: usize, n: usize): void {
  for (let i: usize = 0; i < n << 2; i += 16) v128.store(out + i, exp4(v128.load(x + i)));
}

export function log(x: usize, out: usize, n: usize): void {
  for (let i: usize = 0; i < n << 2; i += 4) store<f32>(out + i, log1(load<f32>(x + i)));
}

export function gelu(x: usize, out: usize, n: usize): void {
  for (let i: usize = 0; i < n << 2; i += 16) v128.store(out + i, gelu4(v128.load(x + i)));
}

export function geluGradient(x: usize, out: usize, n: usize): void {
  for (let i: usize = 0; i < n << 2; i += 16) v128.store(out + i, geluGradient4(v128.load(x + i)));
}

/**
 * out: the words of the counters (counter0, counter1), (counter0 + 1, counter1), …, two for each; n a multiple of 8.
 */
export function threefry(out: usize, n: usize, key0: u32, key1: u32, counter0: u32, counter1: u32): void {
  for (let i: usize = 0; i < n << 2; i += 32) {
    const counters = i32x4.add(i32x4.splat(counter0 + (i >>> 3)), i32x4(0, 1, 2, 3));
    const word0 = threefry4(i32x4.splat(key0), i32x4.splat(key1), counters, i32x4.splat(counter1));
    const word1 = threefryWord1();
    v128.store(out + i, interleaveLow(word0, word1));
    v128.store(out + i, interleaveHigh(word0, word1), 16);
  }
}

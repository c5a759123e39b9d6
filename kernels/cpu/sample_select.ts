/**
 * Thresholds without sorting: radix selection over the bits of floats, brought into the order of the floats. Three histograms of
 * 11 bits find the value exactly (the last one sees a bit again). They hold counts or masses in f64, summed in id order.
 */
import { workerScratch } from "./worker_scratch";

const BINS: u32 = 2048;

/** Unsigned integers in the order of the floats; both zeros are equal. No NaN. */
// @ts-ignore: decorator
@inline
function ordered4(values: v128): v128 {
  const bits = v128.andnot(values, f32x4.eq(values, f32x4.splat(0)));
  return v128.xor(bits, v128.or(i32x4.shr_s(bits, 31), i32x4.splat(0x80000000)));
}

function valueOf(key: u32): f32 {
  return reinterpret<f32>(key >> 31 ? key ^ 0x80000000 : ~key);
}

// @ts-ignore: decorator
@inline
function count(key: u32, weight: usize, shift: u32): void {
  const bin = workerScratch() + (<usize>((key >> shift) & (BINS - 1)) << 3);
  store<f64>(bin, load<f64>(bin) + (weight ? <f64>load<f32>(weight) : 1));
}

/**
 * The largest of the values v for which the weights of the values ≥ v add up to `wanted`; the smallest value with a weight where
 * rounding lets none reach it.
 * @param values n f32 without NaN
 * @param weights n f32 of 0 and above, one of them at least above 0; address 0 stands for a weight of 1 each
 */
export function thresholdOf(values: usize, weights: usize, n: u32, wanted: f64): f32 {
  const bins = workerScratch();
  let prefix: u32 = 0;
  let known: u32 = 0;
  let left = wanted;
  for (let level = 0; level < 3; level++) {
    const shift = level == 0 ? 21 : level == 1 ? 10 : 0;
    memory.fill(bins, 0, BINS * 8);
    const end = values + (<usize>n << 2);
    const vectorEnd = values + (<usize>(n & ~3) << 2);
    let weight = weights;
    const step: usize = weights ? 4 : 0;
    let value = values;
    for (; value < vectorEnd; value += 16) {
      const keys = ordered4(v128.load(value));
      const inside = i32x4.bitmask(i32x4.eq(v128.and(keys, i32x4.splat(known)), i32x4.splat(prefix)));
      if (inside & 1) count(i32x4.extract_lane(keys, 0), weight, shift);
      if (inside & 2) count(i32x4.extract_lane(keys, 1), weight + step, shift);
      if (inside & 4) count(i32x4.extract_lane(keys, 2), weight + 2 * step, shift);
      if (inside & 8) count(i32x4.extract_lane(keys, 3), weight + 3 * step, shift);
      weight += 4 * step;
    }
    for (; value < end; value += 4) {
      const key: u32 = i32x4.extract_lane(ordered4(v128.load32_zero(value)), 0);
      if ((key & known) == prefix) count(key, weight, shift);
      weight += step;
    }
    let found: u32 = 0;
    let above: f64 = 0;
    let before: f64 = 0;
    for (let bin: i32 = BINS - 1; bin >= 0; bin--) {
      const held = load<f64>(bins + (<usize>bin << 3));
      if (!(held > 0)) continue;
      found = bin;
      before = above;
      above += held;
      if (above >= left) break;
    }
    left -= before;
    prefix |= found << shift;
    known |= (BINS - 1) << shift;
  }
  return valueOf(prefix);
}

/**
 * out (N, C) = (x (N, C) − mean) · rstd · weight (C) + bias (C); mean and rstd (N) are kept. One item for every
 * `rowsPerItem` rows. Mean, variance and result are three passes over a row that stays in the L1 cache: memory is read
 * once and written once, and the variance does not suffer from a large mean. Sums run in 16 lanes.
 */
import { fma } from "./simd";

// @ts-ignore: decorator
@inline
export function sumLanes(v: v128): f32 {
  return (f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 2)) + (f32x4.extract_lane(v, 1) + f32x4.extract_lane(v, 3));
}

function sumRow(x: usize, bytes: usize): f32 {
  let a = f32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  let i: usize = 0;
  for (; i + 64 <= bytes; i += 64) {
    a = f32x4.add(a, v128.load(x + i));
    b = f32x4.add(b, v128.load(x + i, 16));
    c = f32x4.add(c, v128.load(x + i, 32));
    d = f32x4.add(d, v128.load(x + i, 48));
  }
  for (; i + 16 <= bytes; i += 16) a = f32x4.add(a, v128.load(x + i));
  for (; i < bytes; i += 4) b = f32x4.add(b, v128.load32_zero(x + i));
  return sumLanes(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)));
}

// @ts-ignore: decorator
@inline
function addSquare(total: v128, x: v128, mean: v128): v128 {
  const d = f32x4.sub(x, mean);
  return fma(d, d, total);
}

/** Σ (x − mean)². */
function sumSquares(x: usize, bytes: usize, mean: f32): f32 {
  const m = f32x4.splat(mean);
  let a = f32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  let i: usize = 0;
  for (; i + 64 <= bytes; i += 64) {
    a = addSquare(a, v128.load(x + i), m);
    b = addSquare(b, v128.load(x + i, 16), m);
    c = addSquare(c, v128.load(x + i, 32), m);
    d = addSquare(d, v128.load(x + i, 48), m);
  }
  for (; i + 16 <= bytes; i += 16) a = addSquare(a, v128.load(x + i), m);
  let rest: f32 = 0;
  for (; i < bytes; i += 4) {
    const difference = load<f32>(x + i) - mean;
    rest += difference * difference;
  }
  return sumLanes(f32x4.add(f32x4.add(a, b), f32x4.add(c, d))) + rest;
}

/** args: x, weight, bias, out, mean, rstd, rows, columns, rowsPerItem, epsilon. */
export function layerNorm(args: usize, item: u32): void {
  const weight = load<usize>(args, 4);
  const bias = load<usize>(args, 8);
  const columns = load<u32>(args, 28);
  const rowsPerItem = load<u32>(args, 32);
  const bytes = <usize>columns << 2;
  const first = item * rowsPerItem;
  const end = min(first + rowsPerItem, load<u32>(args, 24));
  for (let row = first; row < end; row++) {
    const x = load<usize>(args) + row * bytes;
    const out = load<usize>(args, 12) + row * bytes;
    const mean = sumRow(x, bytes) / <f32>columns;
    const rstd = <f32>1 / sqrt<f32>(sumSquares(x, bytes, mean) / <f32>columns + load<f32>(args, 36));
    store<f32>(load<usize>(args, 16) + (<usize>row << 2), mean);
    store<f32>(load<usize>(args, 20) + (<usize>row << 2), rstd);
    const m = f32x4.splat(mean);
    const r = f32x4.splat(rstd);
    let i: usize = 0;
    for (; i + 32 <= bytes; i += 32) {
      const y0 = f32x4.mul(f32x4.sub(v128.load(x + i), m), r);
      const y1 = f32x4.mul(f32x4.sub(v128.load(x + i, 16), m), r);
      v128.store(out + i, fma(y0, v128.load(weight + i), v128.load(bias + i)));
      v128.store(out + i, fma(y1, v128.load(weight + i, 16), v128.load(bias + i, 16)), 16);
    }
    for (; i < bytes; i += 4) {
      const y = f32x4.mul(f32x4.sub(v128.load32_zero(x + i), m), r);
      v128.store32_lane(out + i, fma(y, v128.load32_zero(weight + i), v128.load32_zero(bias + i)), 0);
    }
  }
}

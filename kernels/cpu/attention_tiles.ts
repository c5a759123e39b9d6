/**
 * Small matrix products of attention, C (m, 8) = A · B. C and B are strips: rows of 8 floats (32 bytes), one row after the other. A
 * lies in strips of 8 columns too, aStrip bytes apart, row r at 32 · r. Tiles of 6 or 4 rows stay in registers while the inner
 * dimension, a multiple of 8, runs; 6 × 8 takes 12 accumulators, 2 loads and 6 broadcasts a step. m is a multiple of 4.
 */
import { fma } from "./simd";

/** Columns of the panel that starts where `left` columns are left: 6, and 4 so that it comes out even. */
// @ts-ignore: decorator
@inline
export function panelWidth(left: u32): u32 {
  return left == 4 || left == 8 ? 4 : 6;
}

/** C (m, 8) = A (m, 8 · strips) · B, or C += with `add`. */
export function rowsProduct(a: usize, aStrip: usize, m: u32, b: usize, strips: u32, c: usize, add: bool): void {
  while (m > 0) {
    if (panelWidth(m) == 6) {
      rowsTile6(a, aStrip, b, strips, c, add);
      a += 192;
      c += 192;
      m -= 6;
    } else {
      rowsTile4(a, aStrip, b, strips, c, add);
      a += 128;
      c += 128;
      m -= 4;
    }
  }
}

/** A tile of rowsProduct, of 6 rows. */
export function rowsTile6(a: usize, aStrip: usize, b: usize, strips: u32, c: usize, add: bool): void {
  let c00 = f32x4.splat(0);
  let c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00;
  let c30 = c00, c31 = c00, c40 = c00, c41 = c00, c50 = c00, c51 = c00;
  if (add) {
    c00 = v128.load(c);
    c01 = v128.load(c, 16);
    c10 = v128.load(c, 32);
    c11 = v128.load(c, 48);
    c20 = v128.load(c, 64);
    c21 = v128.load(c, 80);
    c30 = v128.load(c, 96);
    c31 = v128.load(c, 112);
    c40 = v128.load(c, 128);
    c41 = v128.load(c, 144);
    c50 = v128.load(c, 160);
    c51 = v128.load(c, 176);
  }
  for (; strips > 0; strips--) {
    const end = a + 32;
    let from = a;
    do {
      let b0 = v128.load(b);
      let b1 = v128.load(b, 16);
      let x = v128.load32_splat(from);
      c00 = fma(x, b0, c00);
      c01 = fma(x, b1, c01);
      x = v128.load32_splat(from, 32);
      c10 = fma(x, b0, c10);
      c11 = fma(x, b1, c11);
      x = v128.load32_splat(from, 64);
      c20 = fma(x, b0, c20);
      c21 = fma(x, b1, c21);
      x = v128.load32_splat(from, 96);
      c30 = fma(x, b0, c30);
      c31 = fma(x, b1, c31);
      x = v128.load32_splat(from, 128);
      c40 = fma(x, b0, c40);
      c41 = fma(x, b1, c41);
      x = v128.load32_splat(from, 160);
      c50 = fma(x, b0, c50);
      c51 = fma(x, b1, c51);
      b0 = v128.load(b, 32);
      b1 = v128.load(b, 48);
      x = v128.load32_splat(from, 4);
      c00 = fma(x, b0, c00);
      c01 = fma(x, b1, c01);
      x = v128.load32_splat(from, 36);
      c10 = fma(x, b0, c10);
      c11 = fma(x, b1, c11);
      x = v128.load32_splat(from, 68);
      c20 = fma(x, b0, c20);
      c21 = fma(x, b1, c21);
      x = v128.load32_splat(from, 100);
      c30 = fma(x, b0, c30);
      c31 = fma(x, b1, c31);
      x = v128.load32_splat(from, 132);
      c40 = fma(x, b0, c40);
      c41 = fma(x, b1, c41);
      x = v128.load32_splat(from, 164);
      c50 = fma(x, b0, c50);
      c51 = fma(x, b1, c51);
      from += 8;
      b += 64;
    } while (from != end);
    a += aStrip;
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  v128.store(c, c10, 32);
  v128.store(c, c11, 48);
  v128.store(c, c20, 64);
  v128.store(c, c21, 80);
  v128.store(c, c30, 96);
  v128.store(c, c31, 112);
  v128.store(c, c40, 128);
  v128.store(c, c41, 144);
  v128.store(c, c50, 160);
  v128.store(c, c51, 176);
}

/** A tile of rowsProduct, of 4 rows. */
export function rowsTile4(a: usize, aStrip: usize, b: usize, strips: u32, c: usize, add: bool): void {
  let c00 = f32x4.splat(0);
  let c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00, c30 = c00, c31 = c00;
  if (add) {
    c00 = v128.load(c);
    c01 = v128.load(c, 16);
    c10 = v128.load(c, 32);
    c11 = v128.load(c, 48);
    c20 = v128.load(c, 64);
    c21 = v128.load(c, 80);
    c30 = v128.load(c, 96);
    c31 = v128.load(c, 112);
  }
  for (; strips > 0; strips--) {
    const end = a + 32;
    let from = a;
    do {
      let b0 = v128.load(b);
      let b1 = v128.load(b, 16);
      let x = v128.load32_splat(from);
      c00 = fma(x, b0, c00);
      c01 = fma(x, b1, c01);
      x = v128.load32_splat(from, 32);
      c10 = fma(x, b0, c10);
      c11 = fma(x, b1, c11);
      x = v128.load32_splat(from, 64);
      c20 = fma(x, b0, c20);
      c21 = fma(x, b1, c21);
      x = v128.load32_splat(from, 96);
      c30 = fma(x, b0, c30);
      c31 = fma(x, b1, c31);
      b0 = v128.load(b, 32);
      b1 = v128.load(b, 48);
      x = v128.load32_splat(from, 4);
      c00 = fma(x, b0, c00);
      c01 = fma(x, b1, c01);
      x = v128.load32_splat(from, 36);
      c10 = fma(x, b0, c10);
      c11 = fma(x, b1, c11);
      x = v128.load32_splat(from, 68);
      c20 = fma(x, b0, c20);
      c21 = fma(x, b1, c21);
      x = v128.load32_splat(from, 100);
      c30 = fma(x, b0, c30);
      c31 = fma(x, b1, c31);
      from += 8;
      b += 64;
    } while (from != end);
    a += aStrip;
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  v128.store(c, c10, 32);
  v128.store(c, c11, 48);
  v128.store(c, c20, 64);
  v128.store(c, c21, 80);
  v128.store(c, c30, 96);
  v128.store(c, c31, 112);
}

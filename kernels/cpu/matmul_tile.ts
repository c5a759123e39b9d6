/**
 * The register tile of the matrix product: 6 × 8 sums, which with two vectors of b and one of a fill 15 of the 16 vector
 * registers that x64 has. Panels of a and b lie packed: for every k the 6 values of a's rows, the 8 values of b's columns.
 * Every element is summed in order of k, wherever in a tile it lies.
 */
import { fma } from "./simd";

export const TILE_ROWS: u32 = 6;
export const TILE_COLUMNS: u32 = 8;
/** Bytes of a tile in memory, row by row. */
export const TILE_BYTES: usize = 192;

/**
 * tile (6, 8) = a · b.
 * @param a panel (count, 6)
 * @param b panel (count, 8)
 */
export function multiplyPanels(a: usize, b: usize, count: u32, tile: usize): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0);
  let c40 = f32x4.splat(0), c41 = f32x4.splat(0);
  let c50 = f32x4.splat(0), c51 = f32x4.splat(0);
  const end = a + <usize>count * 24;
  do {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const a0 = v128.load32_splat(a);
    c00 = fma(a0, b0, c00);
    c01 = fma(a0, b1, c01);
    const a1 = v128.load32_splat(a, 4);
    c10 = fma(a1, b0, c10);
    c11 = fma(a1, b1, c11);
    const a2 = v128.load32_splat(a, 8);
    c20 = fma(a2, b0, c20);
    c21 = fma(a2, b1, c21);
    const a3 = v128.load32_splat(a, 12);
    c30 = fma(a3, b0, c30);
    c31 = fma(a3, b1, c31);
    const a4 = v128.load32_splat(a, 16);
    c40 = fma(a4, b0, c40);
    c41 = fma(a4, b1, c41);
    const a5 = v128.load32_splat(a, 20);
    c50 = fma(a5, b0, c50);
    c51 = fma(a5, b1, c51);
    a += 24;
    b += 32;
  } while (a != end);
  v128.store(tile, c00);
  v128.store(tile, c01, 16);
  v128.store(tile, c10, 32);
  v128.store(tile, c11, 48);
  v128.store(tile, c20, 64);
  v128.store(tile, c21, 80);
  v128.store(tile, c30, 96);
  v128.store(tile, c31, 112);
  v128.store(tile, c40, 128);
  v128.store(tile, c41, 144);
  v128.store(tile, c50, 160);
  v128.store(tile, c51, 176);
}

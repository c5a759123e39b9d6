/**
 * The register tile of the matrix product: 4 × 16 sums. Panels of a and b lie packed: for every k the 4 values of a's rows, the 16
 * values of b's columns. Every element is summed in order of k, wherever in a tile it lies.
 *
 * There are two ways through a tile, with the same bits. Where the engine fuses neighbouring vectors to 256 bits and leaves out bounds
 * checks (src/device/cpu/engine.ts), all 16 columns at once: 8 wide sums. Elsewhere two halves of 8 columns, 8 sums each; every access
 * to memory carries a check of about four instructions there, so a's four values are loaded once and spread by shuffles.
 */
import { fma } from "./simd";
import { isWide } from "./wide";

export const TILE_ROWS: u32 = 4;
export const TILE_COLUMNS: u32 = 16;
/** Bytes of a tile in memory, row by row. */
export const TILE_BYTES: usize = 256;

/**
 * tile (4, 16) = a · b.
 * @param a panel (count, 4)
 * @param b panel (count, 16)
 */
// @ts-ignore: decorator
@inline
export function multiplyPanels(a: usize, b: usize, count: u32, tile: usize): void {
  if (isWide()) return multiplyWide(a, b, count, tile);
  multiplyHalf(a, b, count, tile);
  multiplyHalf(a, b + 32, count, tile + 32);
}

export function multiplyWide(a: usize, b: usize, count: u32, tile: usize): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0), c02 = f32x4.splat(0), c03 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0), c12 = f32x4.splat(0), c13 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0), c22 = f32x4.splat(0), c23 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0), c32 = f32x4.splat(0), c33 = f32x4.splat(0);
  const end = a + (<usize>count << 4);
  do {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const b2 = v128.load(b, 32);
    const b3 = v128.load(b, 48);
    const a0 = v128.load32_splat(a);
    c00 = fma(a0, b0, c00);
    c01 = fma(a0, b1, c01);
    c02 = fma(a0, b2, c02);
    c03 = fma(a0, b3, c03);
    const a1 = v128.load32_splat(a, 4);
    c10 = fma(a1, b0, c10);
    c11 = fma(a1, b1, c11);
    c12 = fma(a1, b2, c12);
    c13 = fma(a1, b3, c13);
    const a2 = v128.load32_splat(a, 8);
    c20 = fma(a2, b0, c20);
    c21 = fma(a2, b1, c21);
    c22 = fma(a2, b2, c22);
    c23 = fma(a2, b3, c23);
    const a3 = v128.load32_splat(a, 12);
    c30 = fma(a3, b0, c30);
    c31 = fma(a3, b1, c31);
    c32 = fma(a3, b2, c32);
    c33 = fma(a3, b3, c33);
    a += 16;
    b += 64;
  } while (a != end);
  v128.store(tile, c00);
  v128.store(tile, c01, 16);
  v128.store(tile, c02, 32);
  v128.store(tile, c03, 48);
  v128.store(tile, c10, 64);
  v128.store(tile, c11, 80);
  v128.store(tile, c12, 96);
  v128.store(tile, c13, 112);
  v128.store(tile, c20, 128);
  v128.store(tile, c21, 144);
  v128.store(tile, c22, 160);
  v128.store(tile, c23, 176);
  v128.store(tile, c30, 192);
  v128.store(tile, c31, 208);
  v128.store(tile, c32, 224);
  v128.store(tile, c33, 240);
}

/** Columns 0 to 7 of the tile that starts at `tile`, from the panel that starts at `b`. */
export function multiplyHalf(a: usize, b: usize, count: u32, tile: usize): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0);
  const end = a + (<usize>count << 4);
  do {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const rows = v128.load(a);
    const a0 = i32x4.shuffle(rows, rows, 0, 0, 0, 0);
    c00 = fma(a0, b0, c00);
    c01 = fma(a0, b1, c01);
    const a1 = i32x4.shuffle(rows, rows, 1, 1, 1, 1);
    c10 = fma(a1, b0, c10);
    c11 = fma(a1, b1, c11);
    const a2 = i32x4.shuffle(rows, rows, 2, 2, 2, 2);
    c20 = fma(a2, b0, c20);
    c21 = fma(a2, b1, c21);
    const a3 = i32x4.shuffle(rows, rows, 3, 3, 3, 3);
    c30 = fma(a3, b0, c30);
    c31 = fma(a3, b1, c31);
    a += 16;
    b += 64;
  } while (a != end);
  v128.store(tile, c00);
  v128.store(tile, c01, 16);
  v128.store(tile, c10, 64);
  v128.store(tile, c11, 80);
  v128.store(tile, c20, 128);
  v128.store(tile, c21, 144);
  v128.store(tile, c30, 192);
  v128.store(tile, c31, 208);
}

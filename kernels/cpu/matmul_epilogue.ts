/**
 * What happens to a tile of sums while it is in cache. Sums over a block of k gather in `sums` (M, N); the last block's become
 * z = sums + bias; pre = z; y = gelu(z) or z; y += residual; out = y, or += y. Of these, what a product does not ask for is
 * left out: its address is 0.
 */
import { gelu4 } from "./gelu";
import { TILE_COLUMNS, TILE_ROWS } from "./matmul_tile";

/** The words of a product's arguments that are read here. */
export const SUMS: usize = 0;
const BIAS: usize = 4;
const PRE: usize = 8;
const RESIDUAL: usize = 12;
const OUT: usize = 16;
const COLUMNS: usize = 20;
const ROWS: usize = 24;
const FLAGS: usize = 28;

/** Bits of FLAGS. */
const GELU: u32 = 1;
const ACCUMULATE: u32 = 2;
/** The first block adds to what `sums` holds. */
export const ADD_FIRST: u32 = 4;

// @ts-ignore: decorator
@inline
function loadPart(from: usize, lanes: u32): v128 {
  if (lanes >= 4) return v128.load(from);
  let x = v128.load32_zero(from);
  if (lanes > 1) x = v128.load32_lane(from, x, 1, 4);
  if (lanes > 2) x = v128.load32_lane(from, x, 2, 8);
  return x;
}

// @ts-ignore: decorator
@inline
function storePart(to: usize, x: v128, lanes: u32): void {
  if (lanes >= 4) return v128.store(to, x);
  v128.store32_lane(to, x, 0);
  if (lanes > 1) v128.store32_lane(to, x, 1, 4);
  if (lanes > 2) v128.store32_lane(to, x, 2, 8);
}

/** Up to 4 neighbours of a row, `at` bytes from the start of each tensor (M, N). */
// @ts-ignore: decorator
@inline
function finishVector(args: usize, x: v128, bias: v128, at: usize, lanes: u32, addSums: bool): void {
  const pre = load<usize>(args, PRE);
  const residual = load<usize>(args, RESIDUAL);
  const out = load<usize>(args, OUT) + at;
  const flags = load<u32>(args, FLAGS);
  if (addSums) x = f32x4.add(loadPart(load<usize>(args, SUMS) + at, lanes), x);
  x = f32x4.add(x, bias);
  if (pre) storePart(pre + at, x, lanes);
  if (flags & GELU) x = gelu4(x);
  if (residual) x = f32x4.add(x, loadPart(residual + at, lanes));
  if (flags & ACCUMULATE) x = f32x4.add(loadPart(out, lanes), x);
  storePart(out, x, lanes);
}

/**
 * Adds a tile to the sums, and finishes it where the block of k is the last one.
 * @param args the words named above
 * @param first whether this is the first block of k
 */
export function finishTile(args: usize, tile: usize, row: u32, column: u32, first: bool, last: bool): void {
  const n = load<u32>(args, COLUMNS);
  const rows = min(TILE_ROWS, load<u32>(args, ROWS) - row);
  const columns = min(TILE_COLUMNS, n - column);
  const stride = <usize>n << 2;
  const addSums = !first || (load<u32>(args, FLAGS) & ADD_FIRST) != 0;
  let at = (<usize>row * n + column) << 2;
  const left = min(4, columns);
  const right = columns - left;
  if (!last) {
    let sums = load<usize>(args, SUMS) + at;
    for (let r: u32 = 0; r < rows; r++) {
      let x0 = v128.load(tile);
      let x1 = v128.load(tile, 16);
      if (addSums) x0 = f32x4.add(loadPart(sums, left), x0);
      storePart(sums, x0, left);
      if (right > 0) {
        if (addSums) x1 = f32x4.add(loadPart(sums + 16, right), x1);
        storePart(sums + 16, x1, right);
      }
      sums += stride;
      tile += 32;
    }
    return;
  }
  const bias = load<usize>(args, BIAS) ? load<usize>(args, BIAS) + (<usize>column << 2) : 0;
  const bias0 = bias ? loadPart(bias, left) : f32x4.splat(0);
  const bias1 = bias && right > 0 ? loadPart(bias + 16, right) : f32x4.splat(0);
  for (let r: u32 = 0; r < rows; r++) {
    finishVector(args, v128.load(tile), bias0, at, left, addSums);
    if (right > 0) finishVector(args, v128.load(tile, 16), bias1, at + 16, right, addSums);
    at += stride;
    tile += 32;
  }
}

/**
 * What becomes of a tile of the matrix product: added to the sums that earlier blocks of k left, or finished.
 *
 * Between blocks of k the sums lie in `sums` (M, N): out, pre, or scratch memory, wherever nothing is lost by it. To finish: z =
 * sums + bias; pre = z; y = gelu(z) or z; y += residual; out = y, or += y. Of these, what a product does not ask for is
 * left out: its address is 0. Each is a pass over the tile, which stays in first-level cache.
 */
import { gelu4 } from "./gelu";
import { TILE_BYTES, TILE_COLUMNS, TILE_ROWS } from "./matmul_tile";

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

/** Bytes of a tile's row. */
const ROW: usize = 64;

// @ts-ignore: decorator
@inline
function isWhole(rows: u32, columns: u32): bool {
  return rows == TILE_ROWS && columns == TILE_COLUMNS;
}

/** tile += rows of a matrix (or of a single row, with stride 0). */
function addRows(tile: usize, from: usize, stride: usize, rows: u32, columns: u32): void {
  if (isWhole(rows, columns)) {
    for (const end = tile + TILE_BYTES; tile != end; tile += ROW) {
      const x0 = f32x4.add(v128.load(from), v128.load(tile));
      const x1 = f32x4.add(v128.load(from, 16), v128.load(tile, 16));
      const x2 = f32x4.add(v128.load(from, 32), v128.load(tile, 32));
      const x3 = f32x4.add(v128.load(from, 48), v128.load(tile, 48));
      v128.store(tile, x0);
      v128.store(tile, x1, 16);
      v128.store(tile, x2, 32);
      v128.store(tile, x3, 48);
      from += stride;
    }
    return;
  }
  for (let r: u32 = 0; r < rows; r++) {
    for (let i: usize = 0; i < <usize>columns << 2; i += 4) store<f32>(tile + i, load<f32>(from + i) + load<f32>(tile + i));
    tile += ROW;
    from += stride;
  }
}

/** Rows of a matrix = tile. */
function storeRows(tile: usize, to: usize, stride: usize, rows: u32, columns: u32): void {
  if (isWhole(rows, columns)) {
    for (const end = tile + TILE_BYTES; tile != end; tile += ROW) {
      const x0 = v128.load(tile), x1 = v128.load(tile, 16), x2 = v128.load(tile, 32), x3 = v128.load(tile, 48);
      v128.store(to, x0);
      v128.store(to, x1, 16);
      v128.store(to, x2, 32);
      v128.store(to, x3, 48);
      to += stride;
    }
    return;
  }
  for (let r: u32 = 0; r < rows; r++) {
    for (let i: usize = 0; i < <usize>columns << 2; i += 4) store<f32>(to + i, load<f32>(tile + i));
    tile += ROW;
    to += stride;
  }
}

/** tile = gelu(tile). */
function geluRows(tile: usize): void {
  for (const end = tile + TILE_BYTES; tile != end; tile += 32) {
    const y0 = gelu4(v128.load(tile));
    const y1 = gelu4(v128.load(tile, 16));
    v128.store(tile, y0);
    v128.store(tile, y1, 16);
  }
}

/**
 * Adds a tile to the sums, and finishes it where the block of k is the last one.
 * @param args the words named above
 * @param first whether this is the first block of k
 */
export function finishTile(args: usize, tile: usize, row: u32, column: u32, first: bool, last: bool): void {
  const n = load<u32>(args, COLUMNS);
  const flags = load<u32>(args, FLAGS);
  const rows = min(TILE_ROWS, load<u32>(args, ROWS) - row);
  const columns = min(TILE_COLUMNS, n - column);
  const stride = <usize>n << 2;
  const at = (<usize>row * n + column) << 2;
  if (!first || flags & ADD_FIRST) addRows(tile, load<usize>(args, SUMS) + at, stride, rows, columns);
  if (!last) return storeRows(tile, load<usize>(args, SUMS) + at, stride, rows, columns);
  const bias = load<usize>(args, BIAS);
  if (bias) addRows(tile, bias + (<usize>column << 2), 0, rows, columns);
  const pre = load<usize>(args, PRE);
  if (pre) storeRows(tile, pre + at, stride, rows, columns);
  if (flags & GELU) geluRows(tile);
  const residual = load<usize>(args, RESIDUAL);
  if (residual) addRows(tile, residual + at, stride, rows, columns);
  const out = load<usize>(args, OUT) + at;
  if (flags & ACCUMULATE) addRows(tile, out, stride, rows, columns);
  storeRows(tile, out, stride, rows, columns);
}

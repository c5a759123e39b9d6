/**
 * Packing for the matrix product: `size` neighbouring rows of a (6) or columns of b (8), called lines here, become a panel
 * (count, size) that the register tile reads from front to back. Lines beyond the matrix are zeros.
 *
 * A line's values lie either side by side (a as it is, b transposed) or one row of the matrix apart (a transposed, b as it is).
 */
import { TILE_ROWS } from "./matmul_tile";

/** Packs any number of lines from 1 to size. */
function packEdge(from: usize, lineStride: usize, step: usize, lines: u32, count: u32, size: u32, to: usize): void {
  for (let k: u32 = 0; k < count; k++) {
    for (let line: u32 = 0; line < size; line++) {
      store<f32>(to, line < lines ? load<f32>(from + line * lineStride) : 0);
      to += 4;
    }
    from += step;
  }
}

/** Stores the transpose of 4 × 4 values: 4 values at `to` and at every `stride` bytes behind it. */
// @ts-ignore: decorator
@inline
function storeTransposed(r0: v128, r1: v128, r2: v128, r3: v128, to: usize, stride: usize): void {
  const low01 = i32x4.shuffle(r0, r1, 0, 4, 1, 5);
  const high01 = i32x4.shuffle(r0, r1, 2, 6, 3, 7);
  const low23 = i32x4.shuffle(r2, r3, 0, 4, 1, 5);
  const high23 = i32x4.shuffle(r2, r3, 2, 6, 3, 7);
  v128.store(to, i64x2.shuffle(low01, low23, 0, 2));
  v128.store(to + stride, i64x2.shuffle(low01, low23, 1, 3));
  v128.store(to + 2 * stride, i64x2.shuffle(high01, high23, 0, 2));
  v128.store(to + 3 * stride, i64x2.shuffle(high01, high23, 1, 3));
}

/** 6 lines whose values lie side by side. */
function transpose6(from: usize, lineStride: usize, count: u32, to: usize): void {
  const whole = count & ~3;
  for (let k: u32 = 0; k < whole; k += 4) {
    const f1 = from + lineStride;
    const f2 = f1 + lineStride;
    const f3 = f2 + lineStride;
    const f4 = f3 + lineStride;
    const r4 = v128.load(f4);
    const r5 = v128.load(f4 + lineStride);
    storeTransposed(v128.load(from), v128.load(f1), v128.load(f2), v128.load(f3), to, 24);
    const low = i32x4.shuffle(r4, r5, 0, 4, 1, 5);
    const high = i32x4.shuffle(r4, r5, 2, 6, 3, 7);
    v128.store64_lane(to, low, 0, 16);
    v128.store64_lane(to, low, 1, 40);
    v128.store64_lane(to, high, 0, 64);
    v128.store64_lane(to, high, 1, 88);
    from += 16;
    to += 96;
  }
  packEdge(from, lineStride, 4, 6, count - whole, 6, to);
}

/** 8 lines whose values lie side by side. */
function transpose8(from: usize, lineStride: usize, count: u32, to: usize): void {
  const whole = count & ~3;
  for (let k: u32 = 0; k < whole; k += 4) {
    const f1 = from + lineStride;
    const f2 = f1 + lineStride;
    const f3 = f2 + lineStride;
    storeTransposed(v128.load(from), v128.load(f1), v128.load(f2), v128.load(f3), to, 32);
    const f4 = f3 + lineStride;
    const f5 = f4 + lineStride;
    const f6 = f5 + lineStride;
    const f7 = f6 + lineStride;
    storeTransposed(v128.load(f4), v128.load(f5), v128.load(f6), v128.load(f7), to + 16, 32);
    from += 16;
    to += 128;
  }
  packEdge(from, lineStride, 4, 8, count - whole, 8, to);
}

/** Panels of 6 or 8 lines that lie side by side in rows `step` apart; row by row, since each is read from memory in one go. */
function copyPanels(from: usize, step: usize, panels: u32, count: u32, size: u32, to: usize): void {
  const panelBytes = <usize>count * size * 4;
  for (let k: u32 = 0; k < count; k++) {
    let source = from;
    let target = to;
    if (size == TILE_ROWS) {
      for (let panel: u32 = 0; panel < panels; panel++) {
        v128.store(target, v128.load(source));
        store<u64>(target, load<u64>(source, 16), 16);
        source += 24;
        target += panelBytes;
      }
    } else {
      for (let panel: u32 = 0; panel < panels; panel++) {
        v128.store(target, v128.load(source));
        v128.store(target, v128.load(source, 16), 16);
        source += 32;
        target += panelBytes;
      }
    }
    from += step;
    to += <usize>size << 2;
  }
}

/**
 * Packs lines into panels (⌈lines / size⌉, count, size).
 * @param from the first line's first value
 * @param rowStride bytes from one row of the matrix to the next
 * @param transpose whether a line is a row of the matrix
 * @param size lines of a panel: TILE_ROWS or TILE_COLUMNS
 */
export function packPanels(
  from: usize,
  rowStride: usize,
  transpose: bool,
  lines: u32,
  count: u32,
  size: u32,
  to: usize,
): void {
  const panels = lines / size;
  const rest = lines - panels * size;
  const panelBytes = <usize>count * size * 4;
  const lineStride = transpose ? rowStride : 4;
  if (!transpose) {
    copyPanels(from, rowStride, panels, count, size, to);
  } else if (size == TILE_ROWS) {
    for (let panel: u32 = 0; panel < panels; panel++) {
      transpose6(from + panel * size * lineStride, lineStride, count, to + panel * panelBytes);
    }
  } else {
    for (let panel: u32 = 0; panel < panels; panel++) {
      transpose8(from + panel * size * lineStride, lineStride, count, to + panel * panelBytes);
    }
  }
  if (rest > 0) {
    const step: usize = transpose ? 4 : rowStride;
    packEdge(from + panels * size * lineStride, lineStride, step, rest, count, size, to + panels * panelBytes);
  }
}

/**
 * Packs a matrix, or a range of its k, for all items of a product: an item packs a number of panels.
 * args: from, to, lines, count, size, rowStride (elements), transpose, panelsPerItem.
 */
export function matmulPack(args: usize, item: u32): void {
  const count = load<u32>(args, 12);
  const size = load<u32>(args, 16);
  const rowStride = <usize>load<u32>(args, 20) << 2;
  const transpose = load<u32>(args, 24) != 0;
  const linesPerItem = load<u32>(args, 28) * size;
  const first = item * linesPerItem;
  packPanels(
    load<usize>(args) + <usize>first * (transpose ? rowStride : 4),
    rowStride,
    transpose,
    min(linesPerItem, load<u32>(args, 8) - first),
    count,
    size,
    load<usize>(args, 4) + <usize>first * count * 4,
  );
}

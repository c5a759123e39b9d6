/**
 * Packing for the matrix product: `size` neighbouring rows of a (4) or columns of b (16), called lines here, become a panel
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

/** 4 lines whose values lie side by side: 4 × 4 values at a time, 4 of one k at every `step` bytes. */
function transpose4(from: usize, lineStride: usize, count: u32, to: usize, step: usize): void {
  const whole = count & ~3;
  for (let k: u32 = 0; k < whole; k += 4) {
    const r0 = v128.load(from);
    const r1 = v128.load(from + lineStride);
    const r2 = v128.load(from + 2 * lineStride);
    const r3 = v128.load(from + 3 * lineStride);
    const low01 = i32x4.shuffle(r0, r1, 0, 4, 1, 5);
    const high01 = i32x4.shuffle(r0, r1, 2, 6, 3, 7);
    const low23 = i32x4.shuffle(r2, r3, 0, 4, 1, 5);
    const high23 = i32x4.shuffle(r2, r3, 2, 6, 3, 7);
    v128.store(to, i64x2.shuffle(low01, low23, 0, 2));
    v128.store(to + step, i64x2.shuffle(low01, low23, 1, 3));
    v128.store(to + 2 * step, i64x2.shuffle(high01, high23, 0, 2));
    v128.store(to + 3 * step, i64x2.shuffle(high01, high23, 1, 3));
    from += 16;
    to += 4 * step;
  }
  for (let k = whole; k < count; k++) {
    for (let line: usize = 0; line < 4; line++) store<f32>(to + (line << 2), load<f32>(from + line * lineStride));
    from += 4;
    to += step;
  }
}

/** Panels of 4 or 16 lines that lie side by side in rows `step` apart; row by row, since each is read from memory in one go. */
function copyPanels(from: usize, step: usize, panels: u32, count: u32, size: u32, to: usize): void {
  const panelBytes = <usize>count * size * 4;
  for (let k: u32 = 0; k < count; k++) {
    let source = from;
    let target = to;
    if (size == TILE_ROWS) {
      for (let panel: u32 = 0; panel < panels; panel++) {
        v128.store(target, v128.load(source));
        source += 16;
        target += panelBytes;
      }
    } else {
      for (let panel: u32 = 0; panel < panels; panel++) {
        const x0 = v128.load(source), x1 = v128.load(source, 16), x2 = v128.load(source, 32), x3 = v128.load(source, 48);
        v128.store(target, x0);
        v128.store(target, x1, 16);
        v128.store(target, x2, 32);
        v128.store(target, x3, 48);
        source += 64;
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
  } else {
    for (let line: u32 = 0; line < panels * size; line += 4) {
      const within = line % size;
      const panel = to + (line - within) / size * panelBytes;
      transpose4(from + line * lineStride, lineStride, count, panel + (within << 2), <usize>size << 2);
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

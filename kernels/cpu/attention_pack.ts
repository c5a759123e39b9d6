/**
 * How attention lays out blocks of q, k and v rows in scratch memory for the products of attention_tiles.ts. Head sizes are padded
 * to `width`, a multiple of 8, and missing rows are added: both with zeros.
 *
 * - strips (rows, width): 8 columns side by side, rows one after the other; then the next 8 columns.
 * - panels (rows, width): the same with the columns that panelWidth() tells, 6 or 4.
 * - turned (width, 8): a strip whose columns are 8 rows of the source.
 */
import { panelWidth } from "./attention_tiles";

/** Bytes of the buffer that packing takes: 8 padded rows and one of zeros. */
// @ts-ignore: decorator
@inline
export function rowBufferBytes(width: usize): usize {
  return 36 * width;
}

/** Makes the buffer's row of zeros; once before packing. */
export function clearRowBuffer(buffer: usize, width: usize): void {
  memory.fill(buffer + 32 * width, 0, 4 * width);
}

/** Copies `count` floats, however many. */
// @ts-ignore: decorator
@inline
export function copyFloats(to: usize, from: usize, count: u32): void {
  const whole = to + (<usize>(count & ~3) << 2);
  const end = to + (<usize>count << 2);
  for (; to != whole; to += 16, from += 16) v128.store(to, v128.load(from));
  for (; to != end; to += 4, from += 4) store<f32>(to, load<f32>(from));
}

/** Row `row` of a source, padded to `width`: in place where it needs no padding. */
function paddedRow(from: usize, stride: usize, row: u32, rows: u32, size: u32, width: u32, buffer: usize): usize {
  if (row >= rows) return buffer + 32 * <usize>width;
  const source = from + row * stride;
  if (size == width) return source;
  const copy = buffer + ((row & 7) * <usize>width << 2);
  memory.fill(copy + (<usize>(width - 8) << 2), 0, 32);
  copyFloats(copy, source, size);
  return copy;
}

/** Packs `rows` rows of `size` floats into strips of `padded` rows. */
export function packStrips(
  from: usize,
  stride: usize,
  rows: u32,
  padded: u32,
  size: u32,
  width: u32,
  to: usize,
  buffer: usize,
): void {
  const strip = <usize>padded << 5;
  for (let row: u32 = 0; row < padded; row++) {
    let source = paddedRow(from, stride, row, rows, size, width, buffer);
    const end = source + (<usize>width << 2);
    let target = to + (<usize>row << 5);
    for (; source != end; source += 32, target += strip) {
      v128.store(target, v128.load(source));
      v128.store(target, v128.load(source, 16), 16);
    }
  }
}

/** Packs `rows` rows of `size` floats into panels of `padded` rows. */
export function packPanels(
  from: usize,
  stride: usize,
  rows: u32,
  padded: u32,
  size: u32,
  width: u32,
  to: usize,
  buffer: usize,
): void {
  for (let row: u32 = 0; row < padded; row++) {
    let source = paddedRow(from, stride, row, rows, size, width, buffer);
    let panel = to;
    for (let left = width; left > 0;) {
      if (panelWidth(left) == 6) {
        const target = panel + row * 24;
        v128.store(target, v128.load(source));
        store<u64>(target, load<u64>(source, 16), 16);
        source += 24;
        panel += <usize>padded * 24;
        left -= 6;
      } else {
        v128.store(panel + (row << 4), v128.load(source));
        source += 16;
        panel += <usize>padded << 4;
        left -= 4;
      }
    }
  }
}

/** Packs up to 8 rows, times `scale`, into a turned strip. */
export function packTurned(
  from: usize,
  stride: usize,
  rows: u32,
  size: u32,
  width: u32,
  scale: f32,
  to: usize,
  buffer: usize,
): void {
  const factor = f32x4.splat(scale);
  for (let half: u32 = 0; half < 8; half += 4) {
    const row0 = paddedRow(from, stride, half, rows, size, width, buffer);
    const row1 = paddedRow(from, stride, half + 1, rows, size, width, buffer);
    const row2 = paddedRow(from, stride, half + 2, rows, size, width, buffer);
    const row3 = paddedRow(from, stride, half + 3, rows, size, width, buffer);
    turn(row0, row1, row2, row3, factor, width, to + (<usize>half << 2));
  }
}

/** Four rows into four lanes of a turned strip. */
// @ts-ignore: decorator
@inline
function turn(row0: usize, row1: usize, row2: usize, row3: usize, factor: v128, width: u32, to: usize): void {
  const bytes = <usize>width << 2;
  for (let d: usize = 0; d < bytes; d += 16) {
    const a = f32x4.mul(v128.load(row0 + d), factor);
    const b = f32x4.mul(v128.load(row1 + d), factor);
    const c = f32x4.mul(v128.load(row2 + d), factor);
    const e = f32x4.mul(v128.load(row3 + d), factor);
    const ab = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
    const cd = v128.shuffle<f32>(c, e, 0, 4, 1, 5);
    const ab2 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
    const cd2 = v128.shuffle<f32>(c, e, 2, 6, 3, 7);
    v128.store(to, v128.shuffle<f32>(ab, cd, 0, 1, 4, 5));
    v128.store(to, v128.shuffle<f32>(ab, cd, 2, 3, 6, 7), 32);
    v128.store(to, v128.shuffle<f32>(ab2, cd2, 0, 1, 4, 5), 64);
    v128.store(to, v128.shuffle<f32>(ab2, cd2, 2, 3, 6, 7), 96);
    to += 128;
  }
}

/**
 * The other way: writes up to 8 rows of `size` floats from a turned strip.
 * @param scales 8 floats, by which the rows are multiplied
 */
export function storeTurned(
  from: usize,
  scales: usize,
  rows: u32,
  size: u32,
  width: u32,
  to: usize,
  stride: usize,
  buffer: usize,
): void {
  const bytes = <usize>width << 2;
  const direct = size == width;
  for (let half: u32 = 0; half < rows; half += 4) {
    const scale = v128.load(scales + (half << 2));
    const inPlace = direct && half + 4 <= rows;
    const step = inPlace ? stride : bytes;
    const base = inPlace ? to + half * stride : buffer;
    let source = from + (<usize>half << 2);
    for (let d: usize = 0; d < bytes; d += 16, source += 128) {
      const a = f32x4.mul(v128.load(source), scale);
      const b = f32x4.mul(v128.load(source, 32), scale);
      const c = f32x4.mul(v128.load(source, 64), scale);
      const e = f32x4.mul(v128.load(source, 96), scale);
      const ab = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
      const cd = v128.shuffle<f32>(c, e, 0, 4, 1, 5);
      const ab2 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
      const cd2 = v128.shuffle<f32>(c, e, 2, 6, 3, 7);
      const target = base + d;
      v128.store(target, v128.shuffle<f32>(ab, cd, 0, 1, 4, 5));
      v128.store(target + step, v128.shuffle<f32>(ab, cd, 2, 3, 6, 7));
      v128.store(target + 2 * step, v128.shuffle<f32>(ab2, cd2, 0, 1, 4, 5));
      v128.store(target + 3 * step, v128.shuffle<f32>(ab2, cd2, 2, 3, 6, 7));
    }
    if (inPlace) continue;
    const end = min<u32>(rows - half, 4);
    for (let row: u32 = 0; row < end; row++) copyFloats(to + (half + row) * stride, buffer + row * bytes, size);
  }
}

/** Writes `rows` rows of `size` floats, times `scale`, from strips of `padded` rows. */
export function storeStrips(
  from: usize,
  padded: u32,
  scale: f32,
  rows: u32,
  size: u32,
  to: usize,
  stride: usize,
): void {
  const strip = <usize>padded << 5;
  const factor = f32x4.splat(scale);
  const whole = <usize>(size & ~7) << 2;
  const bytes = <usize>size << 2;
  for (let row: u32 = 0; row < rows; row++) {
    let source = from;
    for (let d: usize = 0; d != whole; d += 32, source += strip) {
      v128.store(to + d, f32x4.mul(v128.load(source), factor));
      v128.store(to + d, f32x4.mul(v128.load(source, 16), factor), 16);
    }
    for (let d = whole; d != bytes; d += 4, source += 4) store<f32>(to + d, load<f32>(source) * scale);
    from += 32;
    to += stride;
  }
}

/**
 * Matrix products with few rows of a (M, K), as in decoding: bound by reading b once. So b is read from front to back, as it lies
 * in memory, by all workers in pieces; a and the sums stay in cache.
 *
 * b (K, N): thinBlocks, an item for every block of rows of b, adds a's multiples of them up in partial (blocks, M, P), P = N up to
 * a multiple of 4; thinFinish, an item for every FINISH_COLUMNS columns, adds the blocks in order and finishes.
 * b (N, K): thinDots, an item for every group of rows of b, takes their products with a's rows and finishes.
 *
 * To finish: z = sum + bias; pre = z; y = gelu(z) or z; y += residual; out = or += y.
 *
 * args of all: a, b, out, bias, pre, residual (0: none of them), M, N, K, flags, rows of b in an item, partial, blocks.
 */
import { gelu4 } from "./gelu";
import { fma } from "./simd";
import { workerScratch } from "./worker_scratch";

const OUT: usize = 8;
const BIAS: usize = 12;
const PRE: usize = 16;
const RESIDUAL: usize = 20;
const ROWS: usize = 24;
const COLUMNS: usize = 28;
const INNER: usize = 32;
const FLAGS: usize = 36;
const PER_ITEM: usize = 40;
const PARTIAL: usize = 44;
const BLOCKS: usize = 48;

const GELU: u32 = 1;
const ACCUMULATE: u32 = 2;

const FINISH_COLUMNS: u32 = 512;

/** Four neighbours (or one, where `whole` is false) `column` bytes from the start of a row and `at` bytes from that of a tensor. */
// @ts-ignore: decorator
@inline
function finish(args: usize, sum: v128, column: usize, at: usize, whole: bool): void {
  const bias = load<usize>(args, BIAS);
  const pre = load<usize>(args, PRE);
  const residual = load<usize>(args, RESIDUAL);
  const out = load<usize>(args, OUT) + at;
  const flags = load<u32>(args, FLAGS);
  let y = sum;
  if (bias) y = f32x4.add(y, whole ? v128.load(bias + column) : v128.load32_zero(bias + column));
  if (pre) {
    if (whole) v128.store(pre + at, y);
    else v128.store32_lane(pre + at, y, 0);
  }
  if (flags & GELU) y = gelu4(y);
  if (residual) y = f32x4.add(y, whole ? v128.load(residual + at) : v128.load32_zero(residual + at));
  if (flags & ACCUMULATE) y = f32x4.add(y, whole ? v128.load(out) : v128.load32_zero(out));
  if (whole) v128.store(out, y);
  else v128.store32_lane(out, y, 0);
}

// @ts-ignore: decorator
@inline
function splat(a: usize, k: usize): v128 {
  return v128.load32_splat(a + (k << 2));
}

/** Adds the products of `depth` (1 or 4) values of a and rows of b to four columns of a sum. */
// @ts-ignore: decorator
@inline
function gather(to: usize, s0: v128, s1: v128, s2: v128, s3: v128, b0: v128, b1: v128, b2: v128, b3: v128, depth: i32): void {
  let sum = fma(s0, b0, v128.load(to));
  if (depth == 4) {
    const other = fma(s1, b1, f32x4.mul(s3, b3));
    sum = f32x4.add(fma(s2, b2, sum), other);
  }
  v128.store(to, sum);
}

/** `height` (1, 2 or 4) rows of sums, P bytes apart, += `height` rows of a times `depth` (1 or 4) rows of b. */
// @ts-ignore: decorator
@inline
function addRows(
  to: usize,
  sumBytes: usize,
  a: usize,
  aBytes: usize,
  b: usize,
  bytes: usize,
  height: i32,
  depth: i32,
): void {
  const a1 = a + aBytes;
  const a2 = a1 + aBytes;
  const a3 = a2 + aBytes;
  const to1 = to + sumBytes;
  const to2 = to1 + sumBytes;
  const to3 = to2 + sumBytes;
  const row1 = b + bytes;
  const row2 = row1 + bytes;
  const row3 = row2 + bytes;
  const zero = f32x4.splat(0);
  const s00 = splat(a, 0);
  const s01 = depth > 1 ? splat(a, 1) : zero;
  const s02 = depth > 1 ? splat(a, 2) : zero;
  const s03 = depth > 1 ? splat(a, 3) : zero;
  const s10 = height > 1 ? splat(a1, 0) : zero;
  const s11 = height > 1 && depth > 1 ? splat(a1, 1) : zero;
  const s12 = height > 1 && depth > 1 ? splat(a1, 2) : zero;
  const s13 = height > 1 && depth > 1 ? splat(a1, 3) : zero;
  const s20 = height > 2 ? splat(a2, 0) : zero;
  const s21 = height > 2 && depth > 1 ? splat(a2, 1) : zero;
  const s22 = height > 2 && depth > 1 ? splat(a2, 2) : zero;
  const s23 = height > 2 && depth > 1 ? splat(a2, 3) : zero;
  const s30 = height > 2 ? splat(a3, 0) : zero;
  const s31 = height > 2 && depth > 1 ? splat(a3, 1) : zero;
  const s32 = height > 2 && depth > 1 ? splat(a3, 2) : zero;
  const s33 = height > 2 && depth > 1 ? splat(a3, 3) : zero;
  const vectorBytes = bytes & ~15;
  let c: usize = 0;
  for (; c < vectorBytes; c += 16) {
    const b0 = v128.load(b + c);
    const b1 = depth > 1 ? v128.load(row1 + c) : zero;
    const b2 = depth > 1 ? v128.load(row2 + c) : zero;
    const b3 = depth > 1 ? v128.load(row3 + c) : zero;
    gather(to + c, s00, s01, s02, s03, b0, b1, b2, b3, depth);
    if (height > 1) gather(to1 + c, s10, s11, s12, s13, b0, b1, b2, b3, depth);
    if (height > 2) gather(to2 + c, s20, s21, s22, s23, b0, b1, b2, b3, depth);
    if (height > 2) gather(to3 + c, s30, s31, s32, s33, b0, b1, b2, b3, depth);
  }
  for (; c < bytes; c += 4) {
    for (let k: usize = 0; k < <usize>depth; k++) {
      const value = load<f32>(b + k * bytes + c);
      const at = k << 2;
      store<f32>(to + c, load<f32>(to + c) + load<f32>(a + at) * value);
      if (height > 1) store<f32>(to1 + c, load<f32>(to1 + c) + load<f32>(a1 + at) * value);
      if (height > 2) store<f32>(to2 + c, load<f32>(to2 + c) + load<f32>(a2 + at) * value);
      if (height > 2) store<f32>(to3 + c, load<f32>(to3 + c) + load<f32>(a3 + at) * value);
    }
  }
}

// @ts-ignore: decorator
@inline
function addBlock(
  to: usize,
  sumBytes: usize,
  a: usize,
  aBytes: usize,
  b: usize,
  bytes: usize,
  count: u32,
  height: i32,
): void {
  for (; count >= 4; count -= 4) {
    addRows(to, sumBytes, a, aBytes, b, bytes, height, 4);
    a += 16;
    b += 4 * bytes;
  }
  for (; count > 0; count--) {
    addRows(to, sumBytes, a, aBytes, b, bytes, height, 1);
    a += 4;
    b += bytes;
  }
}

/** b (K, N), first stage. */
export function thinBlocks(args: usize, block: u32): void {
  const bytes = <usize>load<u32>(args, COLUMNS) << 2;
  const sumBytes = (bytes + 15) & ~15;
  const aBytes = <usize>load<u32>(args, INNER) << 2;
  const first = block * load<u32>(args, PER_ITEM);
  const count = min(load<u32>(args, PER_ITEM), load<u32>(args, INNER) - first);
  let rows = load<u32>(args, ROWS);
  let to = load<usize>(args, PARTIAL) + <usize>block * rows * sumBytes;
  let a = load<usize>(args) + (<usize>first << 2);
  const b = load<usize>(args, 4) + first * bytes;
  memory.fill(to, 0, rows * sumBytes);
  for (; rows >= 4; rows -= 4) {
    addBlock(to, sumBytes, a, aBytes, b, bytes, count, 4);
    to += 4 * sumBytes;
    a += 4 * aBytes;
  }
  if (rows >= 2) {
    addBlock(to, sumBytes, a, aBytes, b, bytes, count, 2);
    to += 2 * sumBytes;
    a += 2 * aBytes;
    rows -= 2;
  }
  if (rows) addBlock(to, sumBytes, a, aBytes, b, bytes, count, 1);
}

/** b (K, N), second stage. */
export function thinFinish(args: usize, item: u32): void {
  const columns = load<u32>(args, COLUMNS);
  const rows = load<u32>(args, ROWS);
  const blocks = load<u32>(args, BLOCKS);
  const bytes = <usize>columns << 2;
  const sumBytes = (bytes + 15) & ~15;
  const stride = rows * sumBytes;
  const firstColumn = <usize>(item * FINISH_COLUMNS) << 2;
  const end = min(firstColumn + (FINISH_COLUMNS << 2), bytes);
  for (let row: u32 = 0; row < rows; row++) {
    for (let column = firstColumn; column < end; column += 16) {
      let from = load<usize>(args, PARTIAL) + row * sumBytes + column;
      let sum = v128.load(from);
      for (let block: u32 = 1; block < blocks; block++) {
        from += stride;
        sum = f32x4.add(sum, v128.load(from));
      }
      if (column + 16 <= end) {
        finish(args, sum, column, row * bytes + column, true);
        continue;
      }
      for (let c = column; c < end; c += 4) {
        finish(args, sum, c, row * bytes + c, false);
        sum = i32x4.shuffle(sum, sum, 1, 2, 3, 0);
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function lanes(x: v128): f32 {
  const pairs = f32x4.add(x, i32x4.shuffle(x, x, 2, 3, 0, 1));
  return f32x4.extract_lane(f32x4.add(pairs, i32x4.shuffle(pairs, pairs, 1, 0, 3, 2)), 0);
}

/** z (`height` of 1 or 4, zBytes apart) = products of rows of a, `bytes` long, with one row of b. */
// @ts-ignore: decorator
@inline
function dots(z: usize, zBytes: usize, a: usize, b: usize, bytes: usize, height: i32): void {
  const a1 = a + bytes;
  const a2 = a1 + bytes;
  const a3 = a2 + bytes;
  let p = f32x4.splat(0);
  let q = p;
  let r = p;
  let s = p;
  const longEnd = height == 1 ? bytes & ~63 : bytes & ~15;
  let k: usize = 0;
  for (; k < longEnd; k += height == 1 ? 64 : 16) {
    const b0 = v128.load(b + k);
    p = fma(v128.load(a + k), b0, p);
    if (height == 1) {
      q = fma(v128.load(a + k, 16), v128.load(b + k, 16), q);
      r = fma(v128.load(a + k, 32), v128.load(b + k, 32), r);
      s = fma(v128.load(a + k, 48), v128.load(b + k, 48), s);
    } else {
      q = fma(v128.load(a1 + k), b0, q);
      r = fma(v128.load(a2 + k), b0, r);
      s = fma(v128.load(a3 + k), b0, s);
    }
  }
  if (height == 1) {
    for (; k < (bytes & ~15); k += 16) p = fma(v128.load(a + k), v128.load(b + k), p);
    p = f32x4.add(f32x4.add(p, q), f32x4.add(r, s));
  }
  let z0 = lanes(p);
  let z1: f32 = 0;
  let z2: f32 = 0;
  let z3: f32 = 0;
  if (height > 1) {
    z1 = lanes(q);
    z2 = lanes(r);
    z3 = lanes(s);
  }
  for (; k < bytes; k += 4) {
    const value = load<f32>(b + k);
    z0 += load<f32>(a + k) * value;
    if (height > 1) {
      z1 += load<f32>(a1 + k) * value;
      z2 += load<f32>(a2 + k) * value;
      z3 += load<f32>(a3 + k) * value;
    }
  }
  store<f32>(z, z0);
  if (height > 1) {
    store<f32>(z + zBytes, z1);
    store<f32>(z + 2 * zBytes, z2);
    store<f32>(z + 3 * zBytes, z3);
  }
}

/** b (N, K). */
export function thinDots(args: usize, item: u32): void {
  const columns = load<u32>(args, COLUMNS);
  const rows = load<u32>(args, ROWS);
  const perItem = load<u32>(args, PER_ITEM);
  const bytes = <usize>load<u32>(args, INNER) << 2;
  const first = item * perItem;
  const count = <usize>min(perItem, columns - first) << 2;
  const zBytes = (count + 15) & ~15;
  const z = workerScratch();
  let b = load<usize>(args, 4) + first * bytes;
  for (let column: usize = 0; column < count; column += 4) {
    let a = load<usize>(args);
    let to = z + column;
    let row = rows;
    for (; row >= 4; row -= 4) {
      dots(to, zBytes, a, b, bytes, 4);
      a += 4 * bytes;
      to += 4 * zBytes;
    }
    for (; row > 0; row--) {
      dots(to, zBytes, a, b, bytes, 1);
      a += bytes;
      to += zBytes;
    }
    b += bytes;
  }
  const firstColumn = <usize>first << 2;
  for (let row: u32 = 0; row < rows; row++) {
    const from = z + row * zBytes;
    const at = ((<usize>row * columns) << 2) + firstColumn;
    let c: usize = 0;
    for (; c + 16 <= count; c += 16) finish(args, v128.load(from + c), firstColumn + c, at + c, true);
    for (; c < count; c += 4) finish(args, v128.load32_zero(from + c), firstColumn + c, at + c, false);
  }
}

/**
 * Matrix products with few rows of a (M, K), as in decoding: bound by reading b once. So every item reads a piece of b from
 * front to back, as it lies in memory: several rows side by side, or strips of columns, take two to three times as long, since
 * prefetchers lose the way. a and the sums stay in first-level cache; for a's second row on, the piece of b is in the second.
 *
 * b (K, N): thinBlocks, an item for every block of rows of b, adds a's multiples of them up in partial (blocks, M, P), P = N up
 * to a multiple of 4; thinFinish, an item for every FINISH_COLUMNS columns, adds the blocks in order and finishes.
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

/** Four neighbours (one, where `whole` is false) `column` bytes from the start of a row, `at` bytes from that of a tensor. */
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

/** 1 to 3 values, then zeros. */
// @ts-ignore: decorator
@inline
function loadRest(from: usize, count: u32): v128 {
  let x = v128.load32_zero(from);
  if (count > 1) x = v128.load32_lane(from, x, 1, 4);
  if (count > 2) x = v128.load32_lane(from, x, 2, 8);
  return x;
}

/** sums += a value of a times a row of b. */
// @ts-ignore: decorator
@inline
function addRow(to: usize, a: usize, b: usize, bytes: usize): void {
  const s = v128.load32_splat(a);
  const longEnd = b + (bytes & ~63);
  const vectorEnd = b + (bytes & ~15);
  const end = b + bytes;
  for (; b < longEnd; b += 64) {
    const x0 = fma(s, v128.load(b), v128.load(to));
    const x1 = fma(s, v128.load(b, 16), v128.load(to, 16));
    const x2 = fma(s, v128.load(b, 32), v128.load(to, 32));
    const x3 = fma(s, v128.load(b, 48), v128.load(to, 48));
    v128.store(to, x0);
    v128.store(to, x1, 16);
    v128.store(to, x2, 32);
    v128.store(to, x3, 48);
    to += 64;
  }
  for (; b < vectorEnd; b += 16) {
    v128.store(to, fma(s, v128.load(b), v128.load(to)));
    to += 16;
  }
  if (b < end) v128.store(to, fma(s, loadRest(b, <u32>(end - b) >> 2), v128.load(to)));
}

/** b (K, N), first stage. Rows of a take turns: from the second on the block of b comes from cache. */
export function thinBlocks(args: usize, block: u32): void {
  const bytes = <usize>load<u32>(args, COLUMNS) << 2;
  const sumBytes = (bytes + 15) & ~15;
  const aBytes = <usize>load<u32>(args, INNER) << 2;
  const first = block * load<u32>(args, PER_ITEM);
  const count = <usize>min(load<u32>(args, PER_ITEM), load<u32>(args, INNER) - first) << 2;
  const rows = load<u32>(args, ROWS);
  const start = load<usize>(args, 4) + first * bytes;
  let to = load<usize>(args, PARTIAL) + <usize>block * rows * sumBytes;
  let a = load<usize>(args) + (<usize>first << 2);
  for (let row: u32 = 0; row < rows; row++) {
    memory.fill(to, 0, sumBytes);
    let b = start;
    for (let k: usize = 0; k < count; k += 4) {
      addRow(to, a + k, b, bytes);
      b += bytes;
    }
    to += sumBytes;
    a += aBytes;
  }
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

/** z = product of a row of a with a row of b, `bytes` long. */
// @ts-ignore: decorator
@inline
function dot(z: usize, a: usize, b: usize, bytes: usize): void {
  let p = f32x4.splat(0);
  let q = p;
  let r = p;
  let s = p;
  const longEnd = b + (bytes & ~63);
  const vectorEnd = b + (bytes & ~15);
  const end = b + bytes;
  for (; b < longEnd; b += 64) {
    p = fma(v128.load(a), v128.load(b), p);
    q = fma(v128.load(a, 16), v128.load(b, 16), q);
    r = fma(v128.load(a, 32), v128.load(b, 32), r);
    s = fma(v128.load(a, 48), v128.load(b, 48), s);
    a += 64;
  }
  for (; b < vectorEnd; b += 16) {
    p = fma(v128.load(a), v128.load(b), p);
    a += 16;
  }
  if (b < end) q = fma(loadRest(a, <u32>(end - b) >> 2), loadRest(b, <u32>(end - b) >> 2), q);
  store<f32>(z, lanes(f32x4.add(f32x4.add(p, q), f32x4.add(r, s))));
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
  const start = load<usize>(args, 4) + first * bytes;
  const end = start + (count >> 2) * bytes;
  let a = load<usize>(args);
  for (let row: u32 = 0; row < rows; row++) {
    let to = z + row * zBytes;
    for (let b = start; b < end; b += bytes) {
      dot(to, a, b, bytes);
      to += 4;
    }
    a += bytes;
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

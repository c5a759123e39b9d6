/**
 * Attention over a cache: out (B · S, C) from q of qkv (B · S, 3C) and the caches keys, values (B, H, P, D); row (b, s) sees the
 * positions 0 … start[b] + s, at most P − 1. Few rows of a sequence are taken one by one, bound by reading the cache once; many share
 * what they read (attention_strips.ts).
 *
 * args of both: qkv, start, keys, values, out, sequence, heads, headSize, positions, scale, rowsPerItem, keysPerBlock.
 */
import { attend } from "./attention_strips";
import { exp4 } from "./math";
import { fma } from "./simd";
import { workerScratch } from "./worker_scratch";

/** Rows of values that are read together, so that they are still in the cache for the next columns. */
const VALUE_ROWS: u32 = 32;

/** Items: blocks of rowsPerItem rows · batch · heads. */
export function cachedAttentionBlocks(args: usize, item: u32): void {
  const sequence = load<u32>(args, 20);
  const heads = load<u32>(args, 24);
  const size = load<u32>(args, 28);
  const positions = load<u32>(args, 32);
  const rowsPerItem = load<u32>(args, 40);
  const blocks = (sequence + rowsPerItem - 1) / rowsPerItem;
  const head = item / blocks;
  const first = item % blocks * rowsPerItem;
  const batch = head / heads;
  const columns = <usize>heads * size << 2;
  const within = <usize>(head % heads) * size << 2;
  const row = <usize>batch * sequence + first;
  const cache = <usize>head * positions * size << 2;
  attend(
    load<usize>(args) + row * 3 * columns + within,
    3 * columns,
    load<usize>(args, 8) + cache,
    load<usize>(args, 12) + cache,
    <usize>size << 2,
    load<usize>(args, 16) + row * columns + within,
    columns,
    0,
    min(rowsPerItem, sequence - first),
    load<u32>(load<usize>(args, 4) + (batch << 2)) + first,
    positions,
    size,
    load<f32>(args, 36),
    load<u32>(args, 44),
    0,
    0,
    0,
    0,
    1,
  );
}

/** Items: rows · heads. */
export function cachedAttentionRow(args: usize, item: u32): void {
  const sequence = load<u32>(args, 20);
  const heads = load<u32>(args, 24);
  const size = load<u32>(args, 28);
  const positions = load<u32>(args, 32);
  const row = item / heads;
  const head = item % heads;
  const batch = row / sequence;
  const columns = <usize>heads * size << 2;
  const within = <usize>head * size << 2;
  const count = min(load<u32>(load<usize>(args, 4) + (batch << 2)) + row % sequence, positions - 1) + 1;
  const cache = <usize>(batch * heads + head) * positions * size << 2;
  const scores = workerScratch();
  const q = load<usize>(args) + row * 3 * columns + within;
  const out = load<usize>(args, 16) + row * columns + within;
  scoreKeys(q, load<usize>(args, 8) + cache, count, size, load<f32>(args, 36), scores);
  const sum = exponentials(scores, count);
  sumValues(scores, load<usize>(args, 12) + cache, count, size, out);
  const end = out + (<usize>size << 2);
  for (let at = out; at != end; at += 4) store<f32>(at, load<f32>(at) / sum);
}

/** scores[j] = q · keys[j] · scale, four keys at a time; −∞ up to the next multiple of 4. */
function scoreKeys(q: usize, keys: usize, count: u32, size: u32, scale: f32, scores: usize): void {
  const row = <usize>size << 2;
  const whole = <usize>(size & ~7) << 2;
  const factor = f32x4.splat(scale);
  for (let j: u32 = 0; j < count; j += 4) {
    // The last rows stand in for those that are missing.
    const k0 = keys + j * row;
    const k1 = keys + min(j + 1, count - 1) * row;
    const k2 = keys + min(j + 2, count - 1) * row;
    const k3 = keys + min(j + 3, count - 1) * row;
    let a = f32x4.splat(0);
    let b = a, c = a, e = a, a1 = a, b1 = a, c1 = a, e1 = a;
    for (let d: usize = 0; d != whole; d += 32) {
      const x = v128.load(q + d), y = v128.load(q + d, 16);
      a = fma(x, v128.load(k0 + d), a);
      a1 = fma(y, v128.load(k0 + d, 16), a1);
      b = fma(x, v128.load(k1 + d), b);
      b1 = fma(y, v128.load(k1 + d, 16), b1);
      c = fma(x, v128.load(k2 + d), c);
      c1 = fma(y, v128.load(k2 + d, 16), c1);
      e = fma(x, v128.load(k3 + d), e);
      e1 = fma(y, v128.load(k3 + d, 16), e1);
    }
    a = f32x4.add(a, a1);
    b = f32x4.add(b, b1);
    c = f32x4.add(c, c1);
    e = f32x4.add(e, e1);
    const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7));
    const cd = f32x4.add(v128.shuffle<f32>(c, e, 0, 4, 1, 5), v128.shuffle<f32>(c, e, 2, 6, 3, 7));
    let total = f32x4.add(v128.shuffle<f32>(ab, cd, 0, 1, 4, 5), v128.shuffle<f32>(ab, cd, 2, 3, 6, 7));
    for (let d = whole; d != row; d += 4) {
      let column = v128.load32_zero(k0 + d);
      column = v128.load_lane<f32>(k1 + d, column, 1);
      column = v128.load_lane<f32>(k2 + d, column, 2);
      column = v128.load_lane<f32>(k3 + d, column, 3);
      total = fma(v128.load32_splat(q + d), column, total);
    }
    v128.store(scores + (<usize>j << 2), f32x4.mul(total, factor));
  }
  for (let j = count; j & 3; j++) store<f32>(scores + (<usize>j << 2), -Infinity);
}

/** Turns scores into exponentials relative to the largest; gives their sum. */
function exponentials(scores: usize, count: u32): f32 {
  const end = scores + (<usize>((count + 3) & ~3) << 2);
  let m = v128.load(scores);
  for (let at = scores; at != end; at += 16) m = f32x4.pmax(m, v128.load(at));
  m = f32x4.pmax(m, v128.shuffle<f32>(m, m, 2, 3, 0, 1));
  m = f32x4.pmax(m, v128.shuffle<f32>(m, m, 1, 0, 3, 2));
  let sum = f32x4.splat(0);
  for (let at = scores; at != end; at += 16) {
    const p = exp4(f32x4.sub(v128.load(at), m));
    v128.store(at, p);
    sum = f32x4.add(sum, p);
  }
  sum = f32x4.add(sum, v128.shuffle<f32>(sum, sum, 2, 3, 0, 1));
  return f32x4.extract_lane(sum, 0) + f32x4.extract_lane(sum, 1);
}

/** out (size) = Σ weights[j] · values[j]. */
function sumValues(weights: usize, values: usize, count: u32, size: u32, out: usize): void {
  const row = <usize>size << 2;
  memory.fill(out, 0, row);
  for (let j: u32 = 0; j < count; j += VALUE_ROWS) {
    const rows = min(count - j, VALUE_ROWS);
    const p = weights + (<usize>j << 2);
    const end = p + (<usize>rows << 2);
    const v = values + j * row;
    let d: usize = 0;
    for (; d + 128 <= row; d += 128) sumColumns32(p, end, v + d, row, out + d);
    for (; d + 16 <= row; d += 16) {
      let sum = v128.load(out + d);
      for (let w = p, from = v + d; w != end; w += 4, from += row) sum = fma(v128.load32_splat(w), v128.load(from), sum);
      v128.store(out + d, sum);
    }
    for (; d != row; d += 4) {
      let sum = load<f32>(out + d);
      for (let w = p, from = v + d; w != end; w += 4, from += row) sum += load<f32>(w) * load<f32>(from);
      store<f32>(out + d, sum);
    }
  }
}

function sumColumns32(weights: usize, end: usize, values: usize, row: usize, out: usize): void {
  let s0 = v128.load(out);
  let s1 = v128.load(out, 16);
  let s2 = v128.load(out, 32);
  let s3 = v128.load(out, 48);
  let s4 = v128.load(out, 64);
  let s5 = v128.load(out, 80);
  let s6 = v128.load(out, 96);
  let s7 = v128.load(out, 112);
  for (; weights != end; weights += 4) {
    const w = v128.load32_splat(weights);
    s0 = fma(w, v128.load(values), s0);
    s1 = fma(w, v128.load(values, 16), s1);
    s2 = fma(w, v128.load(values, 32), s2);
    s3 = fma(w, v128.load(values, 48), s3);
    s4 = fma(w, v128.load(values, 64), s4);
    s5 = fma(w, v128.load(values, 80), s5);
    s6 = fma(w, v128.load(values, 96), s6);
    s7 = fma(w, v128.load(values, 112), s7);
    values += row;
  }
  v128.store(out, s0);
  v128.store(out, s1, 16);
  v128.store(out, s2, 32);
  v128.store(out, s3, 48);
  v128.store(out, s4, 64);
  v128.store(out, s5, 80);
  v128.store(out, s6, 96);
  v128.store(out, s7, 112);
}

/**
 * Attention of a block of query rows of one head, of use to training and to decoding.
 *
 * Flash attention (Dao 2023, "FlashAttention-2") turned on its side: scores lie in strips of 8 queries, a row for every key, so that
 * maxima, sums and the softmax run down the rows with 8 queries in the lanes, and nothing has to be reduced across lanes. Keys come
 * in blocks that stay in the cache; a strip ends at its last query's key.
 */
import { keepMasks } from "./attention_dropout";
import { clearRowBuffer, packPanels, packStrips, packTurned, storeTurned } from "./attention_pack";
import { panelsProduct, seenProduct } from "./attention_panels";
import { rowsProduct } from "./attention_tiles";
import { exp4, log1 } from "./math";
import { fma } from "./simd";
import { workerScratch } from "./worker_scratch";

const LANES = memory.data<i32>([0, 1, 2, 3, 4, 5, 6, 7], 16);

/**
 * out = softmax(q · kᵀ · scale) · v, where query row r stands at position + r and sees the keys up to there, at most `limit` of them.
 * @param rows query rows
 * @param size head size D
 * @param lse address of the rows' log sums of exponentials, or 0
 * @param seed address of the dropout's seed, or 0; then query rows are counted by `position` in sequences of `limit`
 * @param head sequence · heads + head, for dropout
 * @param keepScale 1 / (1 − rate)
 */
export function attend(
  q: usize,
  queryStride: usize,
  k: usize,
  v: usize,
  keyStride: usize,
  out: usize,
  outStride: usize,
  lse: usize,
  rows: u32,
  position: u32,
  limit: u32,
  size: u32,
  scale: f32,
  keysPerBlock: u32,
  seed: usize,
  head: u32,
  threshold: u32,
  stream: u32,
  keepScale: f32,
): void {
  const width = (size + 7) & ~7;
  const row = <usize>width << 2;
  const strips = (rows + 7) >> 3;
  const queries = workerScratch();
  const results = queries + strips * 8 * row;
  const state = results + strips * 8 * row;
  const keys = state + strips * 64;
  const values = keys + keysPerBlock * row;
  const scores = values + keysPerBlock * row;
  const masks = scores + keysPerBlock * 32;
  const buffer = masks + keysPerBlock * 32;
  clearRowBuffer(buffer, width);

  for (let strip: u32 = 0; strip < strips; strip++) {
    const from = q + 8 * strip * queryStride;
    packTurned(from, queryStride, rows - 8 * strip, size, width, scale, queries + strip * 8 * row, buffer);
  }
  const keysEnd = min(position + rows, limit);
  for (let key: u32 = 0; key < keysEnd; key += keysPerBlock) {
    const present = min(keysEnd - key, keysPerBlock);
    const padded = (present + 7) & ~7;
    packStrips(k + key * keyStride, keyStride, present, padded, size, width, keys, buffer);
    packPanels(v + key * keyStride, keyStride, present, padded, size, width, values, buffer);
    const finite = allFinite(values, padded * row);
    for (let strip: u32 = key >= position + 8 ? (key - position) >> 3 : 0; strip < strips; strip++) {
      const query = position + 8 * strip;
      const count = min((min(query + 8, limit) - key + 7) & ~7, padded);
      const result = results + strip * 8 * row;
      rowsProduct(keys, <usize>padded << 5, count, queries + strip * 8 * row, width >> 3, scores, false);
      maskLater(scores, key, count, query, limit - 1);
      softmax(scores, count, state + strip * 64, key == 0, result, width);
      if (seed) {
        keepMasks(masks, count, key, query, head, limit, seed, threshold, stream);
        applyMasks(scores, masks, count);
      }
      if (finite) panelsProduct(values, padded, width, scores, count, result, key > 0);
      else seenProduct(values, padded, width, scores, count, result, key > 0, key, query, limit - 1);
    }
  }
  const keep = f32x4.splat(keepScale);
  for (let strip: u32 = 0; strip < strips; strip++) {
    const left = min(rows - 8 * strip, 8);
    const at = state + strip * 64;
    if (lse) {
      for (let lane: u32 = 0; lane < left; lane++) {
        const largest = at + (lane << 2);
        store<f32>(lse + (8 * strip + lane << 2), load<f32>(largest) + log1(load<f32>(largest, 32)));
      }
    }
    // The sums become the factors of the rows.
    v128.store(at, f32x4.div(keep, v128.load(at, 32)), 32);
    v128.store(at, f32x4.div(keep, v128.load(at, 48)), 48);
    const to = out + 8 * strip * outStride;
    storeTurned(results + strip * 8 * row, at + 32, left, size, width, to, outStride, buffer);
  }
}

/** Whether some floats, a multiple of 8, are all finite. */
function allFinite(at: usize, bytes: usize): bool {
  const zero = f32x4.splat(0);
  let a = zero, b = zero;
  for (const end = at + bytes; at != end; at += 32) {
    a = fma(v128.load(at), zero, a);
    b = fma(v128.load(at, 16), zero, b);
  }
  return !v128.any_true(f32x4.ne(f32x4.add(a, b), zero));
}

/** −∞ where a key comes after a query; lane l stands at query + l, at most at `last`. */
export function maskLater(scores: usize, key: u32, count: u32, query: u32, last: u32): void {
  const seen = min(query, last);
  if (key + count <= seen + 1) return;
  const low = i32x4.min_u(i32x4.add(i32x4.splat(query), v128.load(LANES)), i32x4.splat(last));
  const high = i32x4.min_u(i32x4.add(i32x4.splat(query), v128.load(LANES, 16)), i32x4.splat(last));
  const never = f32x4.splat(-Infinity);
  for (let t: u32 = key > seen ? 0 : seen + 1 - key; t < count; t++) {
    const row = scores + (t << 5);
    const at = i32x4.splat(key + t);
    v128.store(row, v128.bitselect(v128.load(row), never, i32x4.ge_u(low, at)));
    v128.store(row, v128.bitselect(v128.load(row, 16), never, i32x4.ge_u(high, at)), 16);
  }
}

/**
 * Turns `count` rows of scores into exponentials relative to the largest so far, and what the strip has so far along.
 * @param state 8 maxima, 8 sums
 * @param result (width, 8), multiplied where a maximum has grown
 */
function softmax(scores: usize, count: u32, state: usize, isFirst: bool, result: usize, width: u32): void {
  const end = scores + (<usize>count << 5);
  let m0 = v128.load(scores), m1 = v128.load(scores, 16);
  let n0 = v128.load(scores, 32), n1 = v128.load(scores, 48);
  for (let at = scores + 64; at != end; at += 64) {
    m0 = f32x4.pmax(m0, v128.load(at));
    m1 = f32x4.pmax(m1, v128.load(at, 16));
    n0 = f32x4.pmax(n0, v128.load(at, 32));
    n1 = f32x4.pmax(n1, v128.load(at, 48));
  }
  m0 = f32x4.pmax(m0, n0);
  m1 = f32x4.pmax(m1, n1);
  let l0 = f32x4.splat(0), l1 = l0;
  if (!isFirst) {
    const before0 = v128.load(state), before1 = v128.load(state, 16);
    m0 = f32x4.pmax(before0, m0);
    m1 = f32x4.pmax(before1, m1);
    l0 = v128.load(state, 32);
    l1 = v128.load(state, 48);
    if (v128.any_true(v128.or(f32x4.ne(m0, before0), f32x4.ne(m1, before1)))) {
      const f0 = exp4(f32x4.sub(before0, m0)), f1 = exp4(f32x4.sub(before1, m1));
      l0 = f32x4.mul(l0, f0);
      l1 = f32x4.mul(l1, f1);
      const resultEnd = result + (<usize>width << 5);
      for (let at = result; at != resultEnd; at += 32) {
        const x0 = f32x4.mul(v128.load(at), f0);
        const x1 = f32x4.mul(v128.load(at, 16), f1);
        v128.store(at, x0);
        v128.store(at, x1, 16);
      }
    }
  }
  v128.store(state, m0);
  v128.store(state, m1, 16);
  for (let at = scores; at != end; at += 32) {
    const p0 = exp4(f32x4.sub(v128.load(at), m0));
    const p1 = exp4(f32x4.sub(v128.load(at, 16), m1));
    v128.store(at, p0);
    v128.store(at, p1, 16);
    l0 = f32x4.add(l0, p0);
    l1 = f32x4.add(l1, p1);
  }
  v128.store(state, l0, 32);
  v128.store(state, l1, 48);
}

/** 0 where a mask is 0. */
function applyMasks(values: usize, masks: usize, count: u32): void {
  const end = values + (<usize>count << 5);
  for (; values != end; values += 32, masks += 32) {
    const x0 = v128.and(v128.load(values), v128.load(masks));
    const x1 = v128.and(v128.load(values, 16), v128.load(masks, 16));
    v128.store(values, x0);
    v128.store(values, x1, 16);
  }
}

/**
 * Causal attention, backward: dqkv (N, 3C) from dout (N, C), the probabilities recomputed from lse (B, H, S). An item is a range of
 * keys of one head; for each block of its keys it goes through the blocks of queries that see them (the five products of
 * Dao 2023, "FlashAttention-2", in strips of 8 queries as in attention_strips.ts).
 *
 * dk and dv of a key belong to one item. dq is summed over the key blocks of an item in order; where a head has several items, each
 * has a dq of its own and attentionBackwardFinish adds them in order. No sum depends on who computes what.
 */
import { keepMasks } from "./attention_dropout";
import { gradients, gradientsDropped } from "./attention_gradients";
import { clearRowBuffer, packPanels, packStrips, packTurned, storeStrips, storeTurned } from "./attention_pack";
import { panelsProduct } from "./attention_panels";
import { maskLater } from "./attention_strips";
import { panelWidth, rowsProduct, rowsTile4, rowsTile6 } from "./attention_tiles";
import { fma } from "./simd";
import { workerScratch } from "./worker_scratch";

/**
 * args: qkv, out, lse, seed (0: no dropout), dout, dqkv, dq (0: in this worker's scratch), sequence, heads, headSize, batch · heads,
 * keysPerItem, keysPerBlock, queriesPerBlock (multiples of 8), scale, dropout threshold, dropout stream << 20, 1 / (1 − rate).
 * dq (ranges of keys, B · H, ⌈S / 8⌉ strips, width, 8): turned strips.
 * Items: ranges of keys · batch · heads, the first (longest) ranges first.
 */
export function attentionBackward(args: usize, item: u32): void {
  const seed = load<usize>(args, 12);
  const sequence = load<u32>(args, 28);
  const heads = load<u32>(args, 32);
  const size = load<u32>(args, 36);
  const batchHeads = load<u32>(args, 40);
  const keysPerItem = load<u32>(args, 44);
  const keysPerBlock = load<u32>(args, 48);
  const queriesPerBlock = load<u32>(args, 52);
  const scale = load<f32>(args, 56);
  const keepScale = load<f32>(args, 68);
  const width = (size + 7) & ~7;
  const row = <usize>width << 2;
  const head = item % batchHeads;
  const columns = <usize>heads * size << 2;
  const within = <usize>(head % heads) * size << 2;
  const stride = 3 * columns;
  const sequenceRow = <usize>(head / heads) * sequence;
  const q = load<usize>(args) + sequenceRow * stride + within;
  const k = q + columns;
  const v = k + columns;
  const out = load<usize>(args, 4) + sequenceRow * columns + within;
  const dout = load<usize>(args, 16) + sequenceRow * columns + within;
  const dq = load<usize>(args, 20) + sequenceRow * stride + within;
  const lse = load<usize>(args, 8) + (<usize>head * sequence << 2);
  const allStrips = (sequence + 7) >> 3;

  const keyBytes = <usize>keysPerBlock * row;
  const queryBytes = <usize>queriesPerBlock * row;
  const tileBytes = <usize>keysPerBlock * queriesPerBlock << 2;
  const keyStrips = workerScratch();
  const keyPanels = keyStrips + keyBytes;
  const valueStrips = keyPanels + keyBytes;
  const dk = valueStrips + keyBytes;
  const dv = dk + keyBytes;
  const qTurned = dv + keyBytes;
  const doutTurned = qTurned + queryBytes;
  const qStrips = doutTurned + queryBytes;
  const doutStrips = qStrips + queryBytes;
  const p = doutStrips + queryBytes;
  const ds = p + tileBytes;
  const masks = ds + tileBytes;
  const rowLse = masks + (<usize>keysPerBlock << 5);
  const rowDelta = rowLse + (<usize>queriesPerBlock << 2);
  const buffer = rowDelta + (<usize>queriesPerBlock << 2);
  const shared = load<usize>(args, 24);
  const dqTurned = shared ? shared + <usize>item * allStrips * 8 * row : buffer + 9 * row;
  clearRowBuffer(buffer, width);

  const firstKey = item / batchHeads * keysPerItem;
  const endKey = min(firstKey + keysPerItem, sequence);
  for (let key = firstKey; key < endKey; key += keysPerBlock) {
    const present = min(endKey - key, keysPerBlock);
    const padded = (present + 7) & ~7;
    const strip = <usize>padded << 5;
    packStrips(k + key * stride, stride, present, padded, size, width, keyStrips, buffer);
    packPanels(k + key * stride, stride, present, padded, size, width, keyPanels, buffer);
    packStrips(v + key * stride, stride, present, padded, size, width, valueStrips, buffer);
    for (let query = key; query < sequence; query += queriesPerBlock) {
      const rows = min(sequence - query, queriesPerBlock);
      const strips = (rows + 7) >> 3;
      const qFrom = q + query * stride;
      const doutFrom = dout + query * columns;
      packStrips(qFrom, stride, rows, strips << 3, size, width, qStrips, buffer);
      packStrips(doutFrom, columns, rows, strips << 3, size, width, doutStrips, buffer);
      rowStatistics(lse + (query << 2), out + query * columns, doutFrom, columns, rows, size, rowLse, rowDelta);
      for (let s: u32 = 0; s < strips; s++) {
        const first = query + 8 * s;
        const count = min(first + 8 - key, padded);
        const turned = qTurned + s * 8 * row;
        const doutStrip = doutTurned + s * 8 * row;
        const pStrip = p + s * strip;
        const dsStrip = ds + s * strip;
        packTurned(qFrom + 8 * s * stride, stride, rows - 8 * s, size, width, scale, turned, buffer);
        packTurned(doutFrom + 8 * s * columns, columns, rows - 8 * s, size, width, 1, doutStrip, buffer);
        rowsProduct(keyStrips, strip, count, turned, width >> 3, pStrip, false);
        rowsProduct(valueStrips, strip, count, doutStrip, width >> 3, dsStrip, false);
        maskLater(pStrip, key, count, first, sequence - 1);
        const statistics = s << 5;
        if (seed) {
          keepMasks(masks, count, key, first, head, sequence, seed, load<u32>(args, 60), load<u32>(args, 64));
          gradientsDropped(pStrip, dsStrip, count, rowLse + statistics, rowDelta + statistics, masks, keepScale);
        } else {
          gradients(pStrip, dsStrip, count, rowLse + statistics, rowDelta + statistics);
        }
        // Tiles of keys reach up to 5 rows further.
        if (count < padded) {
          memory.fill(pStrip + (<usize>count << 5), 0, 256);
          memory.fill(dsStrip + (<usize>count << 5), 0, 256);
        }
        const dqStrip = dqTurned + <usize>(first >> 3) * 8 * row;
        panelsProduct(keyPanels, padded, width, dsStrip, count, dqStrip, key > firstKey);
      }
      keyGradients(p, padded, doutStrips, strips, width, dv, query - key, query > key);
      keyGradients(ds, padded, qStrips, strips, width, dk, query - key, query > key);
    }
    const target = dq + columns + key * stride;
    storeStrips(dk, padded, scale, present, size, target, stride);
    storeStrips(dv, padded, keepScale, present, size, target + columns, stride);
  }
  if (shared) return;
  storeQueries(dqTurned, sequence, scale, size, width, dq, stride, buffer);
}

/** Writes the rows of turned strips, times `scale`. */
function storeQueries(
  strips: usize,
  rows: u32,
  scale: f32,
  size: u32,
  width: u32,
  to: usize,
  stride: usize,
  buffer: usize,
): void {
  const scales = buffer + (<usize>width << 5);
  v128.store(scales, f32x4.splat(scale));
  v128.store(scales, f32x4.splat(scale), 16);
  for (let row: u32 = 0; row < rows; row += 8) {
    const left = min(rows - row, 8);
    storeTurned(strips + row * (<usize>width << 2), scales, left, size, width, to + row * stride, stride, buffer);
  }
}

/** Copies lse and sums delta = dout · out of each row, with zeros up to the next multiple of 8. */
function rowStatistics(
  lse: usize,
  out: usize,
  dout: usize,
  stride: usize,
  rows: u32,
  size: u32,
  rowLse: usize,
  rowDelta: usize,
): void {
  const bytes = <usize>size << 2;
  const whole = <usize>(size & ~3) << 2;
  let at: usize = 0;
  for (let row: u32 = 0; row < rows; row++) {
    let sum = f32x4.splat(0);
    for (let d: usize = 0; d != whole; d += 16) sum = fma(v128.load(out + d), v128.load(dout + d), sum);
    sum = f32x4.add(sum, v128.shuffle<f32>(sum, sum, 2, 3, 0, 1));
    let total = f32x4.extract_lane(sum, 0) + f32x4.extract_lane(sum, 1);
    for (let d = whole; d != bytes; d += 4) total += load<f32>(out + d) * load<f32>(dout + d);
    store<f32>(rowLse + at, load<f32>(lse + at));
    store<f32>(rowDelta + at, total);
    out += stride;
    dout += stride;
    at += 4;
  }
  for (; at & 31; at += 4) {
    store<f32>(rowLse + at, 0);
    store<f32>(rowDelta + at, 0);
  }
}

/**
 * to (keys, width) = or += tile · rows, both in strips; query strips before a key's own are left out.
 * @param tile strips of 8 queries, a row for each of `padded` keys
 * @param ahead how far the first query is ahead of the first key
 */
function keyGradients(
  tile: usize,
  padded: u32,
  rows: usize,
  strips: u32,
  width: u32,
  to: usize,
  ahead: u32,
  add: bool,
): void {
  const strip = <usize>padded << 5;
  for (let key: u32 = 0; key < padded;) {
    const tileRows = panelWidth(padded - key);
    const skipped = key > ahead ? min((key - ahead) >> 3, strips) : 0;
    const a = tile + skipped * strip + (<usize>key << 5);
    let b = rows + (<usize>skipped << 8);
    let c = to + (<usize>key << 5);
    for (let d: u32 = 0; d < width; d += 8) {
      if (tileRows == 6) rowsTile6(a, strip, b, strips - skipped, c, add);
      else rowsTile4(a, strip, b, strips - skipped, c, add);
      b += <usize>strips << 8;
      c += strip;
    }
    key += tileRows;
  }
}

/** Sums the dq of all ranges of keys. args as above. An item is a block of keysPerBlock queries of one head. */
export function attentionBackwardFinish(args: usize, item: u32): void {
  const sequence = load<u32>(args, 28);
  const heads = load<u32>(args, 32);
  const size = load<u32>(args, 36);
  const batchHeads = load<u32>(args, 40);
  const keysPerItem = load<u32>(args, 44);
  const queries = load<u32>(args, 48);
  const width = (size + 7) & ~7;
  const row = <usize>width << 2;
  const head = item % batchHeads;
  const first = item / batchHeads * queries;
  const rows = min(queries, sequence - first);
  const partial = <usize>((sequence + 7) & ~7) * row;
  const from = load<usize>(args, 24) + head * partial + first * row;
  const sums = workerScratch();
  const buffer = sums + queries * row;
  for (let strip: u32 = 0; strip < rows; strip += 8) {
    const to = sums + strip * row;
    const end = to + 8 * row;
    const ranges = (first + strip) / keysPerItem;
    for (let at = to, source = from + strip * row; at != end; at += 16, source += 16) {
      let sum = v128.load(source);
      for (let range: u32 = 1; range <= ranges; range++) {
        sum = f32x4.add(sum, v128.load(source + range * batchHeads * partial));
      }
      v128.store(at, sum);
    }
  }
  const columns = <usize>heads * size << 2;
  const target = (<usize>(head / heads) * sequence + first) * 3 * columns + (<usize>(head % heads) * size << 2);
  storeQueries(sums, rows, load<f32>(args, 56), size, width, load<usize>(args, 20) + target, 3 * columns, buffer);
}

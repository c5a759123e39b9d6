/**
 * The gradient of layer norm, h = (x − mean) · rstd, g = dout · weight, all (N, C):
 *   dx = or += rstd · (g − avg(g) − h · avg(g · h));  dweight (C) += Σ dout · h;  dbias (C) += Σ dout.
 *
 * layerNormBackwardRows: one item for every block of rows. Two passes over a row: the first takes both averages and
 * adds the row to the block's own sums of columns, partial (blocks, 2, C), which stay in the cache; the second finds x
 * and dout in L1 and writes dx. So x and dout come from memory once and dx goes there once.
 * layerNormBackwardColumns: one item for every strip of columns of either gradient; adds the blocks' sums in order.
 */
import { sumLanes } from "./layer_norm";
import { fma, fnma } from "./simd";

/** args: x, weight, mean, rstd, dout, dx, partial, rows, columns, rowsPerBlock, accumulate. */
export function layerNormBackwardRows(args: usize, block: u32): void {
  const weight = load<usize>(args, 4);
  const columns = load<u32>(args, 32);
  const rowsPerBlock = load<u32>(args, 36);
  const accumulate = load<u32>(args, 40) != 0;
  const bytes = <usize>columns << 2;
  const dweight = load<usize>(args, 24) + block * (bytes << 1);
  const dbias = dweight + bytes;
  memory.fill(dweight, 0, bytes << 1);
  const first = block * rowsPerBlock;
  const end = min(first + rowsPerBlock, load<u32>(args, 28));
  for (let row = first; row < end; row++) {
    const x = load<usize>(args) + row * bytes;
    const dout = load<usize>(args, 16) + row * bytes;
    const dx = load<usize>(args, 20) + row * bytes;
    const mean = v128.load32_splat(load<usize>(args, 8) + (<usize>row << 2));
    const rstd = v128.load32_splat(load<usize>(args, 12) + (<usize>row << 2));
    let sumG = f32x4.splat(0);
    let sumGH = f32x4.splat(0);
    let sumG2 = f32x4.splat(0);
    let sumGH2 = f32x4.splat(0);
    let i: usize = 0;
    for (; i + 32 <= bytes; i += 32) {
      const d = v128.load(dout + i);
      const e = v128.load(dout + i, 16);
      const h = f32x4.mul(f32x4.sub(v128.load(x + i), mean), rstd);
      const k = f32x4.mul(f32x4.sub(v128.load(x + i, 16), mean), rstd);
      v128.store(dweight + i, fma(d, h, v128.load(dweight + i)));
      v128.store(dweight + i, fma(e, k, v128.load(dweight + i, 16)), 16);
      v128.store(dbias + i, f32x4.add(d, v128.load(dbias + i)));
      v128.store(dbias + i, f32x4.add(e, v128.load(dbias + i, 16)), 16);
      const g = f32x4.mul(d, v128.load(weight + i));
      const f = f32x4.mul(e, v128.load(weight + i, 16));
      sumG = f32x4.add(sumG, g);
      sumG2 = f32x4.add(sumG2, f);
      sumGH = fma(g, h, sumGH);
      sumGH2 = fma(f, k, sumGH2);
    }
    for (; i < bytes; i += 4) {
      const d = v128.load32_zero(dout + i);
      const h = f32x4.mul(f32x4.sub(v128.load32_zero(x + i), mean), rstd);
      v128.store32_lane(dweight + i, fma(d, h, v128.load32_zero(dweight + i)), 0);
      v128.store32_lane(dbias + i, f32x4.add(d, v128.load32_zero(dbias + i)), 0);
      const g = f32x4.mul(d, v128.load32_zero(weight + i));
      sumG = f32x4.add(sumG, g);
      sumGH = fma(g, h, sumGH);
    }
    const averageG = f32x4.splat(sumLanes(f32x4.add(sumG, sumG2)) / <f32>columns);
    const averageGH = f32x4.splat(sumLanes(f32x4.add(sumGH, sumGH2)) / <f32>columns);
    i = 0;
    for (; i + 16 <= bytes; i += 16) {
      const h = f32x4.mul(f32x4.sub(v128.load(x + i), mean), rstd);
      const g = f32x4.sub(f32x4.mul(v128.load(dout + i), v128.load(weight + i)), averageG);
      const centered = fnma(h, averageGH, g);
      v128.store(dx + i, accumulate ? fma(centered, rstd, v128.load(dx + i)) : f32x4.mul(centered, rstd));
    }
    for (; i < bytes; i += 4) {
      const h = f32x4.mul(f32x4.sub(v128.load32_zero(x + i), mean), rstd);
      const g = f32x4.sub(f32x4.mul(v128.load32_zero(dout + i), v128.load32_zero(weight + i)), averageG);
      const centered = f32x4.mul(fnma(h, averageGH, g), rstd);
      v128.store32_lane(dx + i, accumulate ? f32x4.add(centered, v128.load32_zero(dx + i)) : centered, 0);
    }
  }
}

/** args: partial, dweight, dbias, blocks, columns, columnsPerStrip, strips of one gradient. */
export function layerNormBackwardColumns(args: usize, item: u32): void {
  const bytes = <usize>load<u32>(args, 16) << 2;
  const strips = load<u32>(args, 24);
  const second = <u32>(item >= strips);
  const strip = item - second * strips;
  const out = load<usize>(args + (second << 2), 4);
  const stride = bytes << 1;
  const stripBytes = <usize>load<u32>(args, 20) << 2;
  const start = strip * stripBytes;
  const end = min(start + stripBytes, bytes);
  const partial = load<usize>(args) + second * bytes;
  const blocks = load<u32>(args, 12);
  let i = start;
  for (; i + 64 <= end; i += 64) {
    let a = f32x4.splat(0);
    let b = a;
    let c = a;
    let d = a;
    for (let block: u32 = 0, from = partial + i; block < blocks; block++, from += stride) {
      a = f32x4.add(a, v128.load(from));
      b = f32x4.add(b, v128.load(from, 16));
      c = f32x4.add(c, v128.load(from, 32));
      d = f32x4.add(d, v128.load(from, 48));
    }
    v128.store(out + i, f32x4.add(a, v128.load(out + i)));
    v128.store(out + i, f32x4.add(b, v128.load(out + i, 16)), 16);
    v128.store(out + i, f32x4.add(c, v128.load(out + i, 32)), 32);
    v128.store(out + i, f32x4.add(d, v128.load(out + i, 48)), 48);
  }
  for (; i < end; i += 4) {
    let total: f32 = 0;
    for (let block: u32 = 0, from = partial + i; block < blocks; block++, from += stride) total += load<f32>(from);
    store<f32>(out + i, load<f32>(out + i) + total);
  }
}

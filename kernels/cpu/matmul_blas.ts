/**
 * Matrix products by the system BLAS: op(a) (M, K) · op(b) (K, N), row-major, op as the call says.
 *
 * An item is one tile of out, of a size that depends on the shape alone. A BLAS product adds to its target at no extra cost (it clears
 * the target first where it shall not), so whatever is only added is put there before: bias, residual. GELU and a kept `pre` come
 * behind the product, while the tile is in cache. What a tile holds between is z = a · b + bias, in `pre`, else in out, or in
 * this worker's scratch memory where out still holds what y is added to.
 */
import { blasGemm } from "./blas";
import { gelu4 } from "./gelu";
import { workerScratch } from "./worker_scratch";

/** Bits of the flags. */
const TRANS_A: u32 = 1;
const TRANS_B: u32 = 2;
const GELU: u32 = 4;
const ACCUMULATE: u32 = 8;

/**
 * One row of the target before the product: bias + residual + out, those that are there; an address of 0 is none.
 * @param from out's row where the product is to add to it, or 0
 */
function prefillRow(target: usize, bias: usize, residual: usize, from: usize, bytes: usize): void {
  const vectors = bytes & ~15;
  let i: usize = 0;
  for (; i < vectors; i += 16) {
    let x = f32x4.splat(0);
    if (bias) x = v128.load(bias + i);
    if (residual) x = f32x4.add(x, v128.load(residual + i));
    if (from) x = f32x4.add(x, v128.load(from + i));
    v128.store(target + i, x);
  }
  for (; i < bytes; i += 4) {
    let x: f32 = 0;
    if (bias) x = load<f32>(bias + i);
    if (residual) x += load<f32>(residual + i);
    if (from) x += load<f32>(from + i);
    store<f32>(target + i, x);
  }
}

/** Four results from four z. */
// @ts-ignore: decorator
@inline
function finish4(z: v128, gelu: bool, residual: v128, old: v128): v128 {
  return f32x4.add(f32x4.add(gelu ? gelu4(z) : z, residual), old);
}

/** One row of out behind the product: y from z, + residual and + out where asked for. */
function finishRow(z: usize, gelu: bool, residual: usize, accumulate: bool, out: usize, bytes: usize): void {
  const zero = f32x4.splat(0);
  let i: usize = 0;
  for (; i + 32 <= bytes; i += 32) {
    const added0 = residual ? v128.load(residual + i) : zero, added1 = residual ? v128.load(residual + i, 16) : zero;
    const old0 = accumulate ? v128.load(out + i) : zero, old1 = accumulate ? v128.load(out + i, 16) : zero;
    const y0 = finish4(v128.load(z + i), gelu, added0, old0);
    const y1 = finish4(v128.load(z + i, 16), gelu, added1, old1);
    v128.store(out + i, y0);
    v128.store(out + i, y1, 16);
  }
  for (; i < bytes; i += 4) {
    const added = residual ? v128.load32_zero(residual + i) : zero;
    const old = accumulate ? v128.load32_zero(out + i) : zero;
    v128.store32_lane(out + i, finish4(v128.load32_zero(z + i), gelu, added, old), 0);
  }
}

/** args: a, b, out, bias, pre, residual (0: none of them), M, N, K, tile rows, tile columns, flags. */
export function matmulBlas(args: usize, item: u32): void {
  const m = load<u32>(args, 24);
  const n = load<u32>(args, 28);
  const k = load<u32>(args, 32);
  const tileRows = load<u32>(args, 36);
  const tileColumns = load<u32>(args, 40);
  const flags = load<u32>(args, 44);
  const tilesAcross = (n + tileColumns - 1) / tileColumns;
  const row = item / tilesAcross * tileRows;
  const column = item % tilesAcross * tileColumns;
  const rows = min(tileRows, m - row);
  const columns = min(tileColumns, n - column);

  const transA = flags & TRANS_A;
  const transB = flags & TRANS_B;
  const a = load<usize>(args) + ((transA ? <usize>row : <usize>row * k) << 2);
  const b = load<usize>(args, 4) + ((transB ? <usize>column * k : <usize>column) << 2);
  const at = (<usize>row * n + column) << 2;
  const out = load<usize>(args, 8) + at;
  const bias = load<usize>(args, 12) ? load<usize>(args, 12) + (<usize>column << 2) : 0;
  const pre = load<usize>(args, 16) ? load<usize>(args, 16) + at : 0;
  const residual = load<usize>(args, 20) ? load<usize>(args, 20) + at : 0;
  const gelu = (flags & GELU) != 0;
  const accumulate = (flags & ACCUMULATE) != 0;

  const inPlace = !gelu && !pre;
  let target = out;
  let targetColumns = n;
  if (pre) target = pre;
  else if (gelu && accumulate) {
    target = workerScratch();
    targetColumns = columns;
  }
  const stride = <usize>n << 2;
  const targetStride = <usize>targetColumns << 2;
  const bytes = <usize>columns << 2;
  const residualBefore = inPlace ? residual : 0;
  const prefill = bias != 0 || residualBefore != 0;
  if (prefill) {
    for (let r: usize = 0; r < rows; r++) {
      const from = inPlace && accumulate ? out + r * stride : 0;
      const added = residualBefore ? residualBefore + r * stride : 0;
      prefillRow(target + r * targetStride, bias, added, from, bytes);
    }
  }
  const adds = prefill || (inPlace && accumulate);
  blasGemm(
    transA != 0, transB != 0, rows, columns, k, a, transA ? m : k, b, transB ? k : n, adds, target, targetColumns,
  );
  if (inPlace) return;
  for (let r: usize = 0; r < rows; r++) {
    const added = residual ? residual + r * stride : 0;
    finishRow(target + r * targetStride, gelu, added, accumulate, out + r * stride, bytes);
  }
}

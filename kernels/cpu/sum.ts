/**
 * Sums over long ranges, in two stages with a fixed order: blocks of BLOCK elements, an item each, then the blocks in order.
 * Within a block runs of RUN elements are summed in f32 (32 partial sums), the runs in f64.
 *
 * sumBlocks, squareBlocks: x (n) → partial f64 (blocks). sumFinish, normFinish: one item.
 */

/** Elements of an item's block: 512 KB, some 20 µs. */
const BLOCK: u32 = 131072;
const RUN: usize = 4096 * 4;

// @ts-ignore: decorator
@inline
function term(sum: v128, x: v128, squares: bool): v128 {
  return f32x4.add(sum, squares ? f32x4.mul(x, x) : x);
}

// @ts-ignore: decorator
@inline
function lanes(x: v128): f64 {
  const pairs = f64x2.add(f64x2.promote_low_f32x4(x), f64x2.promote_low_f32x4(i32x4.shuffle(x, x, 2, 3, 2, 3)));
  return f64x2.extract_lane(pairs, 0) + f64x2.extract_lane(pairs, 1);
}

// @ts-ignore: decorator
@inline
function block(args: usize, item: u32, squares: bool): void {
  const first = item * BLOCK;
  const count = min(BLOCK, load<u32>(args, 8) - first);
  let x = load<usize>(args) + (<usize>first << 2);
  const end = x + (<usize>count << 2);
  const vectorEnd = x + (<usize>(count & ~31) << 2);
  let total: f64 = 0;
  while (x < vectorEnd) {
    const runEnd = min(x + RUN, vectorEnd);
    let a = f32x4.splat(0);
    let b = a;
    let c = a;
    let d = a;
    let e = a;
    let f = a;
    let g = a;
    let h = a;
    for (; x < runEnd; x += 128) {
      a = term(a, v128.load(x), squares);
      b = term(b, v128.load(x, 16), squares);
      c = term(c, v128.load(x, 32), squares);
      d = term(d, v128.load(x, 48), squares);
      e = term(e, v128.load(x, 64), squares);
      f = term(f, v128.load(x, 80), squares);
      g = term(g, v128.load(x, 96), squares);
      h = term(h, v128.load(x, 112), squares);
    }
    total += lanes(f32x4.add(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)), f32x4.add(f32x4.add(e, f), f32x4.add(g, h))));
  }
  for (; x < end; x += 4) {
    const value = <f64>load<f32>(x);
    total += squares ? value * value : value;
  }
  store<f64>(load<usize>(args, 4) + (<usize>item << 3), total);
}

/** args: x, partial f64, n. */
export function sumBlocks(args: usize, item: u32): void {
  block(args, item, false);
}

/** args: x, partial f64, n. */
export function squareBlocks(args: usize, item: u32): void {
  block(args, item, true);
}

function partials(args: usize): f64 {
  const partial = load<usize>(args);
  const blocks = load<u32>(args, 8);
  let total: f64 = 0;
  for (let i: u32 = 0; i < blocks; i++) total += load<f64>(partial + (<usize>i << 3));
  return total;
}

/** out (1) = or += scale · Σ. args: partial f64, out, blocks, scale f32, accumulate. */
export function sumFinish(args: usize, _item: u32): void {
  const out = load<usize>(args, 4);
  const before: f64 = load<u32>(args, 16) ? <f64>load<f32>(out) : 0;
  store<f32>(out, <f32>(before + partials(args) * <f64>load<f32>(args, 12)));
}

/** out (2) = [‖x‖, min(1, maxNorm / (‖x‖ + 1e-6))], or 1 where maxNorm is 0. args: partial f64, out, blocks, maxNorm f32. */
export function normFinish(args: usize, _item: u32): void {
  const norm = Math.sqrt(partials(args));
  const maxNorm = <f64>load<f32>(args, 12);
  const out = load<usize>(args, 4);
  store<f32>(out, <f32>norm);
  store<f32>(out, maxNorm > 0 ? <f32>min(1.0, maxNorm / (norm + 1e-6)) : 1, 4);
}

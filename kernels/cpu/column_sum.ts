/**
 * out (C) += column sums of x (N, C), in two stages with a fixed order: sums of blocks of rows, then the sum of the blocks.
 * columnSumBlocks: an item for every block of rows, which it reads eight rows at a time. columnSumFinish: an item for every
 * FINISH_COLUMNS columns.
 */

const FINISH_COLUMNS: u32 = 2048;

/** Adds `height` (1 or 8) rows of x to `out`; bytes and vectorBytes of a row. */
// @ts-ignore: decorator
@inline
function addRows(out: usize, x: usize, bytes: usize, vectorBytes: usize, height: i32): void {
  const x1 = x + bytes;
  const x2 = x1 + bytes;
  const x3 = x2 + bytes;
  const x4 = x3 + bytes;
  const x5 = x4 + bytes;
  const x6 = x5 + bytes;
  const x7 = x6 + bytes;
  let c: usize = 0;
  for (; c < vectorBytes; c += 16) {
    let sum = v128.load(x + c);
    if (height == 8) {
      sum = f32x4.add(sum, v128.load(x1 + c));
      let other = f32x4.add(v128.load(x2 + c), v128.load(x3 + c));
      sum = f32x4.add(sum, f32x4.add(v128.load(x4 + c), v128.load(x5 + c)));
      other = f32x4.add(other, f32x4.add(v128.load(x6 + c), v128.load(x7 + c)));
      sum = f32x4.add(sum, other);
    }
    v128.store(out + c, f32x4.add(v128.load(out + c), sum));
  }
  for (; c < bytes; c += 4) {
    let sum = load<f32>(x + c);
    if (height == 8) {
      sum += load<f32>(x1 + c) + (load<f32>(x2 + c) + load<f32>(x3 + c));
      sum += load<f32>(x4 + c) + load<f32>(x5 + c) + (load<f32>(x6 + c) + load<f32>(x7 + c));
    }
    store<f32>(out + c, load<f32>(out + c) + sum);
  }
}

/** args: x, partial (blocks, C), rows, columns, rowsPerBlock. */
export function columnSumBlocks(args: usize, block: u32): void {
  const columns = load<u32>(args, 12);
  const rowsPerBlock = load<u32>(args, 16);
  const first = block * rowsPerBlock;
  let rows = min(rowsPerBlock, load<u32>(args, 8) - first);
  const bytes = <usize>columns << 2;
  const vectorBytes = bytes & ~15;
  const out = load<usize>(args, 4) + block * bytes;
  let x = load<usize>(args) + first * bytes;
  memory.fill(out, 0, bytes);
  for (; rows >= 8; rows -= 8) {
    addRows(out, x, bytes, vectorBytes, 8);
    x += 8 * bytes;
  }
  for (; rows > 0; rows--) {
    addRows(out, x, bytes, vectorBytes, 1);
    x += bytes;
  }
}

/** args: partial (blocks, C), out, blocks, columns. */
export function columnSumFinish(args: usize, item: u32): void {
  const blocks = load<u32>(args, 8);
  const columns = load<u32>(args, 12);
  const first = item * FINISH_COLUMNS;
  const count = min(FINISH_COLUMNS, columns - first);
  const stride = <usize>columns << 2;
  const out = load<usize>(args, 4) + (<usize>first << 2);
  const partial = load<usize>(args) + (<usize>first << 2);
  const bytes = <usize>count << 2;
  const vectorBytes = bytes & ~15;
  let c: usize = 0;
  for (; c < vectorBytes; c += 16) {
    let total = f32x4.splat(0);
    let from = partial + c;
    for (let block: u32 = 0; block < blocks; block++) {
      total = f32x4.add(total, v128.load(from));
      from += stride;
    }
    v128.store(out + c, f32x4.add(v128.load(out + c), total));
  }
  for (; c < bytes; c += 4) {
    let total: f32 = 0;
    for (let block: u32 = 0; block < blocks; block++) total += load<f32>(partial + block * stride + c);
    store<f32>(out + c, load<f32>(out + c) + total);
  }
}

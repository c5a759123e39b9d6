/**
 * out (C) += column sums of x (N, C), in two stages with a fixed order: sums of blocks of rows, then the sum of the blocks.
 * columnSumBlocks: one item for every block of rows and strip of columns. columnSumFinish: one item.
 */

/** args: x, partial (blocks, C), rows, columns, rowsPerBlock. */
export function columnSumBlocks(args: usize, block: u32): void {
  const columns = load<u32>(args, 12);
  const rowsPerBlock = load<u32>(args, 16);
  const first = block * rowsPerBlock;
  const end = min(first + rowsPerBlock, load<u32>(args, 8));
  const stride = <usize>columns << 2;
  const out = load<usize>(args, 4) + block * stride;
  const x = load<usize>(args);
  memory.fill(out, 0, stride);
  for (let row = first; row < end; row++) {
    const from = x + row * stride;
    for (let c: usize = 0; c < stride; c += 4) store<f32>(out + c, load<f32>(out + c) + load<f32>(from + c));
  }
}

/** args: partial (blocks, C), out, blocks, columns. */
export function columnSumFinish(args: usize, _item: u32): void {
  const blocks = load<u32>(args, 8);
  const stride = <usize>load<u32>(args, 12) << 2;
  const partial = load<usize>(args);
  const out = load<usize>(args, 4);
  for (let c: usize = 0; c < stride; c += 4) {
    let total: f32 = 0;
    for (let block: u32 = 0; block < blocks; block++) total += load<f32>(partial + block * stride + c);
    store<f32>(out + c, load<f32>(out + c) + total);
  }
}

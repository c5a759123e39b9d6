/**
 * Matrix products by packed panels and register tiles (Goto & van de Geijn 2008). The smaller operand is packed first, for all
 * workers; of the larger one every item packs a strip, block of k by block of k, into its worker's scratch, and multiplies it
 * with all of the smaller one. So nothing is packed twice, and the copy of the larger operand never leaves the cache.
 *
 * An item is a strip: some columns of b and out, or rows of a and out. Elements are summed in order of k, in blocks that depend
 * on the product's shape alone.
 */
import { finishTile } from "./matmul_epilogue";
import { packPanels } from "./matmul_pack";
import { multiplyPanels, TILE_BYTES, TILE_COLUMNS, TILE_ROWS } from "./matmul_tile";
import { workerScratch } from "./worker_scratch";

/** Behind the epilogue's words. */
const SHARED: usize = 32;
const STREAMED: usize = 36;
const ROW_STRIDE: usize = 40;
const TRANSPOSE: usize = 44;
const STREAM_B: usize = 48;
const PANELS_PER_STRIP: usize = 52;
const BLOCK: usize = 56;
const FIRST_K: usize = 60;
const END_K: usize = 64;
const K: usize = 68;

/** Rows of a that a panel of b in first-level cache is multiplied with before the next panel comes: theirs are in the second. */
const BLOCK_ROWS: u32 = 96;

/**
 * args: the epilogue's words (matmul_epilogue.ts), then: the packed panels of the smaller operand for k from firstK to endK, the
 * larger operand (elements from k = 0 on), its row length, whether its lines are its rows, whether it is b, panels of a strip, length of a
 * block of k, firstK, endK, all of k.
 */
export function matmulStrip(args: usize, strip: u32): void {
  const streamB = load<u32>(args, STREAM_B) != 0;
  const rowStride = <usize>load<u32>(args, ROW_STRIDE) << 2;
  const transpose = load<u32>(args, TRANSPOSE) != 0;
  const firstK = load<u32>(args, FIRST_K);
  const endK = load<u32>(args, END_K);
  const m = load<u32>(args, 24);
  const n = load<u32>(args, 20);
  const size = streamB ? TILE_COLUMNS : TILE_ROWS;
  const firstLine = strip * load<u32>(args, PANELS_PER_STRIP) * size;
  const lines = min((streamB ? n : m) - firstLine, load<u32>(args, PANELS_PER_STRIP) * size);
  const source = load<usize>(args, STREAMED) + <usize>firstLine * (transpose ? rowStride : 4);
  const tile = workerScratch();
  const own = tile + TILE_BYTES;
  for (let k = firstK; k < endK; k += load<u32>(args, BLOCK)) {
    const count = min(load<u32>(args, BLOCK), endK - k);
    packPanels(source + <usize>k * (transpose ? 4 : rowStride), rowStride, transpose, lines, count, size, own);
    const first = k == 0;
    const last = k + count == load<u32>(args, K);
    const slab = endK - firstK;
    const aPanel = <usize>(streamB ? slab : count) << 4;
    const bPanel = <usize>(streamB ? count : slab) << 6;
    const a = streamB ? load<usize>(args, SHARED) + (<usize>(k - firstK) << 4) : own;
    const b = streamB ? own : load<usize>(args, SHARED) + (<usize>(k - firstK) << 6);
    const rows = streamB ? m : lines;
    const columns = streamB ? lines : n;
    const row0 = streamB ? 0 : firstLine;
    const column0 = streamB ? firstLine : 0;
    for (let block: u32 = 0; block < rows; block += BLOCK_ROWS) {
      const blockEnd = min(block + BLOCK_ROWS, rows);
      for (let column: u32 = 0; column < columns; column += TILE_COLUMNS) {
        const panel = b + column / TILE_COLUMNS * bPanel;
        for (let row = block; row < blockEnd; row += TILE_ROWS) {
          multiplyPanels(a + row / TILE_ROWS * aPanel, panel, count, tile);
          finishTile(args, tile, row0 + row, column0 + column, first, last);
        }
      }
    }
  }
}

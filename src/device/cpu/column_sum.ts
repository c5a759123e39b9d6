/** The column sums: blocks of rows first, then the sum of the blocks. */
import { KernelId } from "../../../kernels/cpu/kernel_id.ts";
import { alignUp } from "../../program/tensor.ts";
import { at, type Kernel, scratchAt } from "./kernel.ts";

/** Elements of a block, about: 512 KB. */
const BLOCK = 131072;
/** Columns of an item of the second stage; FINISH_COLUMNS of kernels/cpu/column_sum.ts. */
const FINISH_COLUMNS = 2048;

function blocksOf(rows: number, columns: number) {
  const rowsPerBlock = alignUp(Math.ceil(BLOCK / columns), 8);
  return { rowsPerBlock, blocks: Math.ceil(rows / rowsPerBlock) };
}

export const columnSum: Kernel<"columnSum"> = {
  scratch: ({ x: { shape: [rows, columns] } }) => blocksOf(rows, columns).blocks * columns,
  calls({ x, out }) {
    const [rows, columns] = x.shape;
    const { rowsPerBlock, blocks } = blocksOf(rows, columns);
    return [
      {
        kernel: KernelId.columnSumBlocks,
        items: blocks,
        args: [at(x), scratchAt(), rows, columns, rowsPerBlock],
      },
      {
        kernel: KernelId.columnSumFinish,
        items: Math.ceil(columns / FINISH_COLUMNS),
        args: [scratchAt(), at(out), blocks, columns],
      },
    ];
  },
};

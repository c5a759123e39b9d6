/** The column sums: blocks of rows first, then the sum of the blocks. */
import { KernelId } from "../../../kernels/cpu/kernel_id.ts";
import { at, type Kernel, scratchAt } from "./kernel.ts";

const ROWS_PER_BLOCK = 64;

const blocksOf = (rows: number) => Math.ceil(rows / ROWS_PER_BLOCK);

export const columnSum: Kernel<"columnSum"> = {
  scratch: ({ x: { shape: [rows, columns] } }) => blocksOf(rows) * columns,
  calls({ x, out }) {
    const [rows, columns] = x.shape;
    const blocks = blocksOf(rows);
    return [
      {
        kernel: KernelId.columnSumBlocks,
        items: blocks,
        args: [at(x), scratchAt(), rows, columns, ROWS_PER_BLOCK],
      },
      { kernel: KernelId.columnSumFinish, items: 1, args: [scratchAt(), at(out), blocks, columns] },
    ];
  },
};

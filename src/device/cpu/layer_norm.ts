/** Layer norm by rows; its backward by blocks of rows, then the sum of the blocks' columns. */
import { KernelId } from "../../../kernels/cpu/kernel_id.ts";
import { at, f32, type Kernel, scratchAt } from "./kernel.ts";

/** About so many elements make an item. */
const ITEM_ELEMENTS = 16384;
/** Columns that one item of the last stage adds up. */
const STRIP_COLUMNS = 256;

const rowsPerItem = (columns: number) => Math.max(1, Math.round(ITEM_ELEMENTS / columns));

/** Rows whose column sums are taken together. Their sums are written once a block, so wide rows take more than one item's worth. */
const rowsPerBlock = (columns: number) => Math.max(16, rowsPerItem(columns));

export const layerNorm: Kernel<"layerNorm"> = {
  calls({ x, weight, bias, out, mean, rstd, epsilon }) {
    const [rows, columns] = x.shape;
    const step = rowsPerItem(columns);
    const args = [at(x), at(weight), at(bias), at(out), at(mean), at(rstd), rows, columns, step, f32(epsilon)];
    return [{ kernel: KernelId.layerNorm, items: Math.ceil(rows / step), args }];
  },
};

export const layerNormBackward: Kernel<"layerNormBackward"> = {
  scratch: ({ x: { shape: [rows, columns] } }) => Math.ceil(rows / rowsPerBlock(columns)) * 2 * columns,
  calls({ x, weight, mean, rstd, dout, dx, accumulate, dweight, dbias }) {
    const [rows, columns] = x.shape;
    const step = rowsPerBlock(columns);
    const blocks = Math.ceil(rows / step);
    const strips = Math.ceil(columns / STRIP_COLUMNS);
    const operands = [at(x), at(weight), at(mean), at(rstd), at(dout), at(dx), scratchAt()];
    return [
      {
        kernel: KernelId.layerNormBackwardRows,
        items: blocks,
        args: [...operands, rows, columns, step, Number(accumulate)],
      },
      {
        kernel: KernelId.layerNormBackwardColumns,
        items: 2 * strips,
        args: [scratchAt(), at(dweight), at(dbias), blocks, columns, STRIP_COLUMNS, strips],
      },
    ];
  },
};

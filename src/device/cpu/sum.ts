/** Sums over a whole tensor: blocks first, then the sum of the blocks, in f64. */
import { KernelId } from "../../../kernels/cpu/kernel_id.ts";
import { elementCount } from "../../program/tensor.ts";
import { at, f32, type Kernel, scratchAt } from "./kernel.ts";

/** Elements of a block; BLOCK of kernels/cpu/sum.ts. */
const BLOCK = 131072;

/** Blocks of a range of elements; each needs a float64 of scratch. */
export function sumBlockCount(elements: number): number {
  return Math.ceil(elements / BLOCK);
}

export const sum: Kernel<"sum"> = {
  scratch: ({ x }) => 2 * sumBlockCount(elementCount(x.shape)),
  calls({ x, out, scale, accumulate }) {
    const elements = elementCount(x.shape);
    const blocks = sumBlockCount(elements);
    return [
      { kernel: KernelId.sumBlocks, items: blocks, args: [at(x), scratchAt(), elements] },
      { kernel: KernelId.sumFinish, items: 1, args: [scratchAt(), at(out), blocks, f32(scale), Number(accumulate)] },
    ];
  },
};

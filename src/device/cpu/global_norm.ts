/** The gradients' norm and the factor that clips them: sums of squares by block, then their root. */
import { KernelId } from "../../../kernels/cpu/kernel_id.ts";
import { elementCount } from "../../program/tensor.ts";
import { at, f32, type Kernel, scratchAt } from "./kernel.ts";
import { sumBlockCount } from "./sum.ts";

export const globalNorm: Kernel<"globalNorm"> = {
  scratch: ({ gradients }) => 2 * sumBlockCount(elementCount(gradients.shape)),
  calls({ gradients, out, maxNorm }) {
    const elements = elementCount(gradients.shape);
    const blocks = sumBlockCount(elements);
    return [
      { kernel: KernelId.squareBlocks, items: blocks, args: [at(gradients), scratchAt(), elements] },
      { kernel: KernelId.normFinish, items: 1, args: [scratchAt(), at(out), blocks, f32(maxNorm)] },
    ];
  },
};

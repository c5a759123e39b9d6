/** The ops that take every element by itself: GELU, its backward, dropout. */
import { KernelId } from "../../../kernels/cpu/kernel_id.ts";
import { dropoutThreshold } from "../../program/random.ts";
import { elementCount } from "../../program/tensor.ts";
import { at, f32, type Kernel, NONE } from "./kernel.ts";

/** Elements of an item: even for dropout, whose words come in pairs. */
const BLOCK = 16384;

const itemsFor = (elements: number) => Math.ceil(elements / BLOCK);

export const gelu: Kernel<"gelu"> = {
  calls({ x, out }) {
    const elements = elementCount(x.shape);
    return [{ kernel: KernelId.gelu, items: itemsFor(elements), args: [at(x), at(out), elements, BLOCK] }];
  },
};

export const geluBackward: Kernel<"geluBackward"> = {
  calls({ x, gradient }) {
    const elements = elementCount(x.shape);
    return [{ kernel: KernelId.geluBackward, items: itemsFor(elements), args: [at(x), at(gradient), elements, BLOCK] }];
  },
};

export const dropout: Kernel<"dropout"> = {
  calls({ x, residual, out, dropout: { rate, stream, seed } }) {
    const elements = elementCount(x.shape);
    const args = [
      at(x),
      residual ? at(residual) : NONE,
      at(out),
      at(seed),
      elements,
      BLOCK,
      (stream << 20) >>> 0,
      dropoutThreshold(rate),
      f32(1 / (1 - rate)),
    ];
    return [{ kernel: KernelId.dropout, items: itemsFor(elements), args }];
  },
};

/** Cross-entropy by rows: a row of a large vocabulary is an item, rows of a small one share an item. */
import { KernelId } from "../../../kernels/cpu/kernel_id.ts";
import { at, f32, type Kernel } from "./kernel.ts";

/** About so many elements make an item. */
const ITEM_ELEMENTS = 16384;

export const crossEntropy: Kernel<"crossEntropy"> = {
  calls({ logits, targets, losses, gradientScale }) {
    const [rows, columns] = logits.shape;
    const step = Math.max(1, Math.round(ITEM_ELEMENTS / columns));
    const gradient = [Number(gradientScale !== null), f32(gradientScale ?? 0)];
    const args = [at(logits), at(targets), at(losses), rows, columns, step, ...gradient];
    return [{ kernel: KernelId.crossEntropy, items: Math.ceil(rows / step), args }];
  },
};

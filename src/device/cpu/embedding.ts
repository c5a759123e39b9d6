/** The embedding: groups of rows. */
import { KernelId } from "../../../kernels/cpu/kernel_id.ts";
import { at, type Kernel, NONE } from "./kernel.ts";

/** Elements of an item, about. */
const ITEM = 32768;

export const embedding: Kernel<"embedding"> = {
  calls({ tokens, start, wte, wpe, out }) {
    const [rows, columns] = out.shape;
    const rowsPerItem = Math.ceil(ITEM / columns);
    const operands = [at(tokens), start ? at(start) : NONE, at(wte), at(wpe), at(out)];
    return [{
      kernel: KernelId.embedding,
      items: Math.ceil(rows / rowsPerItem),
      args: [...operands, rows, tokens.shape[1], wte.shape[0], wpe.shape[0], columns, rowsPerItem],
    }];
  },
};

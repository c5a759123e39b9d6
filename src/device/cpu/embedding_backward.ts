/** Gradients of the token and position embeddings: blocks of the rows sorted by token, what crosses blocks, positions. */
import { KernelId } from "../../../kernels/cpu/kernel_id.ts";
import { at, type Kernel, scratchAt } from "./kernel.ts";

/** Entries of `order` in a block and columns of a strip; BLOCK and STRIP (bytes) of kernels/cpu/embedding_backward.ts. */
const BLOCK = 64;
const STRIP = 256;
/** Elements that an item of the positions reads, about. */
const ITEM = 32768;

export const embeddingBackward: Kernel<"embeddingBackward"> = {
  scratch: ({ dout: { shape: [rows, columns] } }) => Math.ceil(rows / BLOCK) * 2 * columns,
  calls({ tokens, order, dout, dwte, dwpe }) {
    const [rows, columns] = dout.shape;
    const [batch, sequence] = tokens.shape;
    const blocks = Math.ceil(rows / BLOCK);
    const strips = Math.ceil(columns / STRIP);
    const args = [at(tokens), at(order), at(dout), at(dwte), scratchAt(), rows, columns, dwte.shape[0], blocks, strips];
    const positionsPerItem = Math.ceil(ITEM / (batch * columns));
    return [
      { kernel: KernelId.embeddingTokens, items: blocks, args },
      { kernel: KernelId.embeddingTokensFinish, items: blocks * strips, args },
      {
        kernel: KernelId.embeddingPositions,
        items: Math.ceil(sequence / positionsPerItem),
        args: [at(dout), at(dwpe), rows, columns, sequence, positionsPerItem],
      },
    ];
  },
};

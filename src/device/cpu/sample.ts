/** Sampling: an item for every sequence of the batch. */
import { KernelId } from "../../../kernels/cpu/kernel_id.ts";
import { alignUp } from "../../program/tensor.ts";
import { at, type Kernel, scratchAt } from "./kernel.ts";

/** Elements of a row of scratch memory; a sequence has three, for values, ids and probabilities. */
const rowElements = (vocabulary: number) => alignUp(vocabulary, 4);

export const sample: Kernel<"sample"> = {
  scratch: ({ logits: { shape: [batch, vocabulary] } }) => 3 * batch * rowElements(vocabulary),
  calls(op) {
    const [batch, vocabulary] = op.logits.shape;
    const { logits, settings, seed, sequence, seen, tokens, positions, count, finished, score, generated } = op;
    const tensors = [logits, settings, seed, sequence, seen, tokens, positions, count, finished, score, generated];
    const sizes = [vocabulary, generated.shape[1], op.maxPositions];
    return [{
      kernel: KernelId.sample,
      items: batch,
      args: [...tensors.map((tensor) => at(tensor)), ...sizes, scratchAt(), rowElements(vocabulary)],
    }];
  },
};

/** Causal attention, forward: blocks of query rows of every head. */
import { KernelId } from "../../../kernels/cpu/kernel_id.ts";
import { dropoutThreshold } from "../../program/random.ts";
import { blocksFor } from "./attention_blocks.ts";
import { at, f32, type Kernel, NONE } from "./kernel.ts";

export const attention: Kernel<"attention"> = {
  calls({ qkv, out, lse, heads, dropout }) {
    const [batch, , sequence] = lse.shape;
    const size = out.shape[1] / heads;
    const { queries, keys } = blocksFor(size);
    return [{
      kernel: KernelId.attentionForward,
      items: batch * heads * Math.ceil(sequence / queries),
      args: [
        ...[at(qkv), at(out), at(lse), dropout ? at(dropout.seed) : NONE],
        ...[sequence, heads, size, batch * heads, queries, keys, f32(1 / Math.sqrt(size))],
        ...(dropout
          ? [dropoutThreshold(dropout.rate), dropout.stream << 20, f32(1 / (1 - dropout.rate))]
          : [0, 0, f32(1)]),
      ],
    }];
  },
};

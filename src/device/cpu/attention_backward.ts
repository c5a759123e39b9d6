/** Causal attention, backward: ranges of keys of every head; one range where there are heads enough. */
import { KernelId } from "../../../kernels/cpu/kernel_id.ts";
import type { AttentionBackward } from "../../program/op.ts";
import { dropoutThreshold } from "../../program/random.ts";
import { backwardBlocksFor, MOST_OWN_GRADIENTS } from "./attention_blocks.ts";
import { at, f32, type Kernel, NONE, scratchAt } from "./kernel.ts";

/** With fewer items than this a machine of many threads would have nothing to share. */
const ENOUGH_ITEMS = 32;
/** Least keys of a range: its sums of query gradients are one more pass over memory. */
const LEAST_KEYS = 256;

function split({ lse, out, heads }: AttentionBackward) {
  const [batch, , sequence] = lse.shape;
  const size = out.shape[1] / heads;
  const width = Math.ceil(size / 8) * 8;
  const blocks = backwardBlocksFor(size);
  const wanted = Math.ceil(ENOUGH_ITEMS / (batch * heads));
  const keys = Math.max(LEAST_KEYS, Math.ceil(sequence / wanted));
  const keysPerItem = Math.ceil(keys / blocks.keys) * blocks.keys;
  const ranges = Math.ceil(sequence / keysPerItem);
  const gradients = Math.ceil(sequence / 8) * 8 * width;
  const isShared = ranges > 1 || gradients > MOST_OWN_GRADIENTS;
  return { batch, sequence, size, blocks, keysPerItem, ranges, gradients, isShared };
}

export const attentionBackward: Kernel<"attentionBackward"> = {
  scratch(op) {
    const { batch, ranges, gradients, isShared } = split(op);
    return isShared ? batch * op.heads * ranges * gradients : 0;
  },
  calls(op) {
    const { qkv, out, lse, dout, dqkv, heads, dropout } = op;
    const { batch, sequence, size, blocks, keysPerItem, ranges, isShared } = split(op);
    const args = [
      ...[at(qkv), at(out), at(lse), dropout ? at(dropout.seed) : NONE, at(dout), at(dqkv)],
      ...[isShared ? scratchAt() : NONE, sequence, heads, size, batch * heads, keysPerItem],
      ...[blocks.keys, blocks.queries, f32(1 / Math.sqrt(size))],
      ...(dropout
        ? [dropoutThreshold(dropout.rate), dropout.stream << 20, f32(1 / (1 - dropout.rate))]
        : [0, 0, f32(1)]),
    ];
    const calls = [{ kernel: KernelId.attentionBackward, items: batch * heads * ranges, args }];
    if (isShared) {
      const items = batch * heads * Math.ceil(sequence / blocks.keys);
      calls.push({ kernel: KernelId.attentionBackwardFinish, items, args });
    }
    return calls;
  },
};

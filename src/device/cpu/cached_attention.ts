/** Attention over a cache: single rows where a sequence has few, blocks of rows where it has many. */
import { WORKER_SCRATCH_BYTES } from "../../../kernels/cpu/control.ts";
import { KernelId } from "../../../kernels/cpu/kernel_id.ts";
import { DeviceError } from "../../errors.ts";
import { blocksFor } from "./attention_blocks.ts";
import { at, f32, type Kernel } from "./kernel.ts";

/** From so many rows on, sharing what is read is worth packing it. */
const BLOCK_ROWS = 8;

export const cachedAttention: Kernel<"cachedAttention"> = {
  calls({ qkv, start, keys, values, out }) {
    const [batch, heads, positions, size] = keys.shape;
    const sequence = qkv.shape[0] / batch;
    const inBlocks = sequence >= BLOCK_ROWS;
    const blocks = blocksFor(size);
    if (4 * positions > WORKER_SCRATCH_BYTES) {
      throw new DeviceError(`a cache of ${positions} positions is too long for the CPU device`, {
        expected: `at most ${WORKER_SCRATCH_BYTES / 4}`,
      });
    }
    return [{
      kernel: inBlocks ? KernelId.cachedAttentionBlocks : KernelId.cachedAttentionRow,
      items: batch * heads * (inBlocks ? Math.ceil(sequence / blocks.queries) : sequence),
      args: [
        ...[at(qkv), at(start), at(keys), at(values), at(out), sequence, heads, size, positions],
        ...[f32(1 / Math.sqrt(size)), blocks.queries, blocks.keys],
      ],
    }];
  },
};

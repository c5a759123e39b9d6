/** The blocks in which attention works, so that they fit a worker's scratch memory: by the head size alone. */
import { WORKER_SCRATCH_BYTES } from "../../../kernels/cpu/control.ts";
import { DeviceError } from "../../errors.ts";

const MOST_QUERIES = 128;
const MOST_KEYS = 256;

export interface AttentionBlocks {
  /** Query rows of an item, a multiple of 8. */
  readonly queries: number;
  /** Keys that are packed together, a multiple of 8. */
  readonly keys: number;
}

/** Bytes of scratch memory that `attend` of kernels/cpu/attention_strips.ts takes. */
function scratchBytes({ queries, keys }: AttentionBlocks, width: number): number {
  return 8 * queries * width + 8 * queries + 8 * keys * width + 64 * keys + 36 * width;
}

/**
 * Blocks for heads of `size` columns.
 * @throws {DeviceError} where the smallest do not fit
 */
export function blocksFor(size: number): AttentionBlocks {
  const width = Math.ceil(size / 8) * 8;
  for (let [queries, keys] = [MOST_QUERIES, MOST_KEYS]; queries >= 8; [queries, keys] = [queries / 2, keys / 2]) {
    const blocks = { queries, keys };
    if (scratchBytes(blocks, width) <= WORKER_SCRATCH_BYTES) return blocks;
  }
  throw new DeviceError(`heads of ${size} columns are too large for attention on the CPU`, {
    hint: "use more heads (n_head)",
  });
}

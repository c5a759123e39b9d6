/** The blocks in which attention works, so that they fit a worker's scratch memory: by the head size alone. */
import { WORKER_SCRATCH_BYTES } from "../../../kernels/cpu/control.ts";
import { DeviceError } from "../../errors.ts";

export interface AttentionBlocks {
  /** Query rows that are taken together, a multiple of 8. */
  readonly queries: number;
  /** Keys that are packed together, a multiple of 8. */
  readonly keys: number;
}

/** Bytes of scratch memory that `attend` of kernels/cpu/attention_strips.ts takes. */
function forwardBytes({ queries, keys }: AttentionBlocks, width: number): number {
  return 8 * queries * width + 8 * queries + 8 * keys * width + 64 * keys + 36 * width;
}

/** The most elements of a head's query gradients that lie in the worker's scratch memory; larger ones in the op's. */
export const MOST_OWN_GRADIENTS = WORKER_SCRATCH_BYTES / 8;

/** Bytes of scratch memory that kernels/cpu/attention_backward.ts takes, with the query gradients. */
function backwardBytes({ queries, keys }: AttentionBlocks, width: number): number {
  const blocks = 4 * width * (5 * keys + 4 * queries) + 8 * queries * keys + 32 * keys + 8 * queries;
  return blocks + 36 * width + 4 * MOST_OWN_GRADIENTS;
}

function fit(size: number, most: AttentionBlocks, bytes: (blocks: AttentionBlocks, width: number) => number) {
  const width = Math.ceil(size / 8) * 8;
  for (let { queries, keys } = most; queries >= 8 && keys >= 8; [queries, keys] = [queries / 2, keys / 2]) {
    if (bytes({ queries, keys }, width) <= WORKER_SCRATCH_BYTES) return { queries, keys };
  }
  throw new DeviceError(`heads of ${size} columns are too large for attention on the CPU`, {
    hint: "use more heads (n_head)",
  });
}

/**
 * Blocks of the forward pass for heads of `size` columns.
 * @throws {DeviceError} where the smallest do not fit
 */
export function blocksFor(size: number): AttentionBlocks {
  return fit(size, { queries: 128, keys: 256 }, forwardBytes);
}

/**
 * Blocks of the backward pass.
 * @throws {DeviceError} where the smallest do not fit
 */
export function backwardBlocksFor(size: number): AttentionBlocks {
  return fit(size, { queries: 64, keys: 64 }, backwardBytes);
}

/**
 * Batches of a dataset's part: the inputs and, one token on, the targets of neighbouring places in its order.
 */

import type { DatasetPart } from "./dataset.ts";

/** Samples side by side. Row b is sample b; B rows of T tokens. */
export interface Batch {
  /** (B, T) row-major. */
  readonly inputs: Uint32Array;
  /** (B, T) row-major: the token that follows each input. */
  readonly targets: Uint32Array;
  readonly batchSize: number;
  readonly seqLen: number;
}

/**
 * The samples at places `first` to `first + batchSize - 1` of the part's order, which goes on through the epochs. So with
 * `first = step · globalBatchSize + microStep · microBatchSize`, a step's samples do not depend on the micro batch size,
 * and a resumed run needs no other state than its step.
 * @param first Samples consumed before.
 */
export function readBatch(part: DatasetPart, first: number, batchSize: number): Batch {
  const seqLen = part.maxSeqLen;
  const inputs = new Uint32Array(batchSize * seqLen);
  const targets = new Uint32Array(batchSize * seqLen);
  const sample = new Uint32Array(seqLen + 1);
  for (let b = 0; b < batchSize; b++) {
    part.readSample(part.order.at(first + b), sample);
    inputs.set(sample.subarray(0, seqLen), b * seqLen);
    targets.set(sample.subarray(1), b * seqLen);
  }
  return { inputs, targets, batchSize, seqLen };
}

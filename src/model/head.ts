/**
 * The output head with its loss, in chunks of rows: logits exist only for the rows in hand, and their gradient overwrites them.
 * Whole logits of 50,257 tokens × long sequences would be the largest tensor of the model by far.
 */
import type { Op } from "../program/op.ts";
import { activation, rows, type Tensor } from "../program/tensor.ts";

/** Largest chunk of logits in elements (64 MiB): under the smallest binding limit in use, large enough to fill a GPU. */
const MAX_CHUNK_ELEMENTS = 1 << 24;
/** Chunks start at multiples of this many rows, which aligns every row slice. */
const ROW_GRAIN = 64;

export interface HeadOperands {
  hidden: Tensor; // (N, C), after the last layer norm
  wte: Tensor; // (V, C)
  targets: Tensor; // u32 (N)
  losses: Tensor; // (N)
  /** Present in training: gradients flow to `dhidden` (=) and `dwte` (+=), scaled by `scale`. */
  gradient?: { dhidden: Tensor; dwte: Tensor; scale: number };
}

/** Rows of logits that are made at a time. */
export function headChunkRows(count: number, vocabSize: number): number {
  const fit = Math.floor(MAX_CHUNK_ELEMENTS / vocabSize / ROW_GRAIN) * ROW_GRAIN;
  return Math.min(count, Math.max(ROW_GRAIN, fit));
}

/** Appends the head and the loss by row. */
export function headLoss(ops: Op[], { hidden, wte, targets, losses, gradient }: HeadOperands): void {
  const [count] = hidden.shape;
  const [vocabSize] = wte.shape;
  const chunk = headChunkRows(count, vocabSize);
  const whole = activation("logits", [chunk, vocabSize]);
  for (let start = 0; start < count; start += chunk) {
    const size = Math.min(chunk, count - start);
    const logits = size === chunk ? whole : rows(whole, 0, size);
    const part = (tensor: Tensor) => size === count ? tensor : rows(tensor, start, size);
    const product = { kind: "matmul" as const, transA: false, transB: false, accumulate: false };
    ops.push({ ...product, a: part(hidden), b: wte, transB: true, out: logits });
    ops.push({
      kind: "crossEntropy",
      logits,
      targets: part(targets),
      losses: part(losses),
      gradientScale: gradient ? gradient.scale : null,
    });
    if (!gradient) continue;
    ops.push({ ...product, a: logits, b: wte, out: part(gradient.dhidden) });
    ops.push({ ...product, a: logits, transA: true, b: part(hidden), out: gradient.dwte, accumulate: true });
  }
}

/** The kernel of every op on the CPU. */
import type { Op, OpKind } from "../../program/op.ts";
import { columnSum } from "./column_sum.ts";
import type { Call, CpuTraits, Kernel } from "./kernel.ts";

const missing = {
  calls: (op: Op): Call[] => {
    throw new Error(`${op.kind} is missing`);
  },
};

const KERNELS = {
  embedding: missing,
  embeddingBackward: missing,
  layerNorm: missing,
  layerNormBackward: missing,
  matmul: missing,
  columnSum,
  gelu: missing,
  geluBackward: missing,
  dropout: missing,
  attention: missing,
  attentionBackward: missing,
  crossEntropy: missing,
  sum: missing,
  globalNorm: missing,
  adamW: missing,
  cacheAppend: missing,
  cachedAttention: missing,
  sample: missing,
} satisfies { [K in OpKind]: Kernel<K> };

/** Elements of scratch memory that an op needs while it runs. */
export function scratchOf(op: Op, traits: CpuTraits): number {
  return (KERNELS[op.kind] as Kernel<OpKind>).scratch?.(op, traits) ?? 0;
}

/** The calls that carry out an op. */
export function callsOf(op: Op, traits: CpuTraits): Call[] {
  return (KERNELS[op.kind] as Kernel<OpKind>).calls(op, traits);
}

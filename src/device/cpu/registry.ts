/** The kernel of every op on the CPU. */
import type { Op, OpKind } from "../../program/op.ts";
import { columnSum } from "./column_sum.ts";
import { sum } from "./sum.ts";
import { globalNorm } from "./global_norm.ts";
import { adamW } from "./adamw.ts";
import { embedding } from "./embedding.ts";
import { embeddingBackward } from "./embedding_backward.ts";
import { sample } from "./sample.ts";
import { attention } from "./attention.ts";
import { attentionBackward } from "./attention_backward.ts";
import { cacheAppend } from "./cache_append.ts";
import { cachedAttention } from "./cached_attention.ts";
import { crossEntropy } from "./cross_entropy.ts";
import { dropout, gelu, geluBackward } from "./elementwise.ts";
import { layerNorm, layerNormBackward } from "./layer_norm.ts";
import type { Call, CpuTraits, Kernel } from "./kernel.ts";
import { matmul } from "./matmul.ts";

const KERNELS = {
  embedding,
  embeddingBackward,
  layerNorm,
  layerNormBackward,
  matmul,
  columnSum,
  gelu,
  geluBackward,
  dropout,
  attention,
  attentionBackward,
  crossEntropy,
  sum,
  globalNorm,
  adamW,
  cacheAppend,
  cachedAttention,
  sample,
} satisfies { [K in OpKind]: Kernel<K> };

/** Elements of scratch memory that an op needs while it runs. */
export function scratchOf(op: Op, traits: CpuTraits): number {
  return (KERNELS[op.kind] as Kernel<OpKind>).scratch?.(op, traits) ?? 0;
}

/** The calls that carry out an op. */
export function callsOf(op: Op, traits: CpuTraits): Call[] {
  return (KERNELS[op.kind] as Kernel<OpKind>).calls(op, traits);
}

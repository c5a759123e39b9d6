/** The kernel of every op on WebGPU. */
import type { Op, OpKind } from "../../program/op.ts";
import { adamW } from "./adamw.ts";
import { attention, attentionBackward } from "./attention.ts";
import { cacheAppend } from "./cache_append.ts";
import { cachedAttention } from "./cached_attention.ts";
import { columnSum } from "./column_sum.ts";
import { crossEntropy } from "./cross_entropy.ts";
import { dropout, gelu, geluBackward } from "./elementwise.ts";
import { embedding } from "./embedding.ts";
import { embeddingBackward } from "./embedding_backward.ts";
import type { AdapterTraits, Dispatch, Kernel } from "./kernel.ts";
import { layerNorm, layerNormBackward } from "./layer_norm.ts";
import { matmul } from "./matmul.ts";
import { globalNorm, sum } from "./reduce.ts";
import { sample } from "./sample.ts";

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
export function scratchOf(op: Op, adapter: AdapterTraits): number {
  return (KERNELS[op.kind] as Kernel<OpKind>).scratch?.(op, adapter) ?? 0;
}

/** The dispatches that carry out an op. */
export function dispatchesOf(op: Op, adapter: AdapterTraits): Dispatch[] {
  return (KERNELS[op.kind] as Kernel<OpKind>).dispatches(op, adapter);
}

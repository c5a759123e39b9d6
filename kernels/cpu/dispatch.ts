/** One work item of a call: the way from a kernel's number to its function. */
import { columnSumBlocks, columnSumFinish } from "./column_sum";
import { sumBlocks, squareBlocks, sumFinish, normFinish } from "./sum";
import { adamW } from "./adamw";
import { embedding } from "./embedding";
import { embeddingTokens, embeddingTokensFinish, embeddingPositions } from "./embedding_backward";
import { sample } from "./sample";
import { matmulPack } from "./matmul_pack";
import { matmulStrip } from "./matmul";
import { matmulBlas } from "./matmul_blas";
import { attentionForward } from "./attention";
import { attentionBackward, attentionBackwardFinish } from "./attention_backward";
import { cachedAttentionBlocks, cachedAttentionRow } from "./cached_attention";
import { cacheAppend } from "./cache_append";
import { thinBlocks, thinFinish, thinDots } from "./matmul_thin";
import { crossEntropy } from "./cross_entropy";
import { dropout } from "./dropout";
import { gelu, geluBackward } from "./gelu_blocks";
import { layerNorm } from "./layer_norm";
import { layerNormBackwardColumns, layerNormBackwardRows } from "./layer_norm_backward";
import { KernelId } from "./kernel_id";

/**
 * @param args address of the call's arguments, 32-bit words
 * @param item which of the call's items
 */
export function dispatch(kernel: u32, args: usize, item: u32): void {
  switch (kernel) {
    case KernelId.columnSumBlocks:
      return columnSumBlocks(args, item);
    case KernelId.columnSumFinish:
      return columnSumFinish(args, item);
    case KernelId.sumBlocks:
      return sumBlocks(args, item);
    case KernelId.squareBlocks:
      return squareBlocks(args, item);
    case KernelId.sumFinish:
      return sumFinish(args, item);
    case KernelId.normFinish:
      return normFinish(args, item);
    case KernelId.adamW:
      return adamW(args, item);
    case KernelId.embedding:
      return embedding(args, item);
    case KernelId.embeddingTokens:
      return embeddingTokens(args, item);
    case KernelId.embeddingTokensFinish:
      return embeddingTokensFinish(args, item);
    case KernelId.embeddingPositions:
      return embeddingPositions(args, item);
    case KernelId.sample:
      return sample(args, item);
    case KernelId.matmulPack:
      return matmulPack(args, item);
    case KernelId.matmulStrip:
      return matmulStrip(args, item);
    case KernelId.matmulBlas:
      return matmulBlas(args, item);
    case KernelId.attentionForward:
      return attentionForward(args, item);
    case KernelId.cachedAttentionBlocks:
      return cachedAttentionBlocks(args, item);
    case KernelId.cachedAttentionRow:
      return cachedAttentionRow(args, item);
    case KernelId.cacheAppend:
      return cacheAppend(args, item);
    case KernelId.attentionBackward:
      return attentionBackward(args, item);
    case KernelId.attentionBackwardFinish:
      return attentionBackwardFinish(args, item);
    case KernelId.thinBlocks:
      return thinBlocks(args, item);
    case KernelId.thinFinish:
      return thinFinish(args, item);
    case KernelId.thinDots:
      return thinDots(args, item);
    case KernelId.gelu:
      return gelu(args, item);
    case KernelId.geluBackward:
      return geluBackward(args, item);
    case KernelId.dropout:
      return dropout(args, item);
    case KernelId.layerNorm:
      return layerNorm(args, item);
    case KernelId.layerNormBackwardRows:
      return layerNormBackwardRows(args, item);
    case KernelId.layerNormBackwardColumns:
      return layerNormBackwardColumns(args, item);
    case KernelId.crossEntropy:
      return crossEntropy(args, item);
    default:
      unreachable();
  }
}

/**
 * The numbers by which calls name their kernels: read by AssemblyScript (dispatch.ts) and by the device that writes the calls
 * (src/device/cpu). One for each stage of an op.
 */
export enum KernelId {
  columnSumBlocks,
  columnSumFinish,
  sumBlocks,
  squareBlocks,
  sumFinish,
  normFinish,
  adamW,
  embedding,
  embeddingTokens,
  embeddingTokensFinish,
  embeddingPositions,
  sample,
  matmulPack,
  matmulStrip,
  matmulBlas,
  attentionForward,
  attentionBackward,
  attentionBackwardFinish,
  cachedAttentionBlocks,
  cachedAttentionRow,
  cacheAppend,
  gelu,
  geluBackward,
  dropout,
  layerNorm,
  layerNormBackwardRows,
  layerNormBackwardColumns,
  crossEntropy,
}

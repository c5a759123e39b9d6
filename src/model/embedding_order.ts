/** The bucket list that makes the embedding's backward pass deterministic without atomics. */

export interface EmbeddingOrder {
  /** Row numbers sorted by token, stable: length N. */
  order: Uint32Array;
  /** Where each distinct token's run begins in `order`, padded with N: length N + 1. */
  starts: Uint32Array;
}

/** Sorts a batch's rows by token id. */
export function sortTokens(tokens: Uint32Array): EmbeddingOrder {
  const count = tokens.length;
  // A token and its row in one float64 sort key: both are below 2^32 and their product range stays exact below 2^53.
  const keys = Float64Array.from(tokens, (token, row) => token * count + row).sort();
  const order = new Uint32Array(count);
  const starts = new Uint32Array(count + 1).fill(count);
  let runs = 0;
  for (let i = 0; i < count; i++) {
    order[i] = keys[i] % count;
    if (i === 0 || tokens[order[i]] !== tokens[order[i - 1]]) starts[runs++] = i;
  }
  return { order, starts };
}

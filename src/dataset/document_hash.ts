/** The hash of a document's text (XXH64): tells equal documents from different ones, and decides parts of a split. */
import xxhash from "xxhash-wasm";

export const documentHashBytes = 8;

export type HashDocument = (text: Uint8Array) => bigint;

/** The hash function. */
export async function createDocumentHash(): Promise<HashDocument> {
  const { h64Raw } = await xxhash();
  return (text) => h64Raw(text);
}

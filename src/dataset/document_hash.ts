/** The 128-bit hash of a document's text (XXH64 with two seeds): tells equal documents from different ones, and decides parts of a split. */
import xxhash from "xxhash-wasm";

export const documentHashBytes = 16;

export type HashDocument = (text: Uint8Array) => readonly [bigint, bigint];

/** The hash function; two 64-bit numbers. */
export async function createDocumentHash(): Promise<HashDocument> {
  const { h64Raw } = await xxhash();
  return (text) => [h64Raw(text, 0n), h64Raw(text, 0x636f64656b696c6en)];
}

/** The hash of a document's text (XXH64): tells equal documents from different ones, and decides parts of a split. */
import xxhash from "xxhash-wasm";

export const documentHashBytes = 8;

export type HashDocument = (text: Uint8Array) => bigint;

/** The library's memory grows to what it is given at once, and stays so. */
const PART_BYTES = 1024 * 1024;

/** The hash function. */
export async function createDocumentHash(): Promise<HashDocument> {
  const { h64Raw, create64 } = await xxhash();
  return (text) => {
    if (text.length <= PART_BYTES) return h64Raw(text);
    const hash = create64();
    for (let at = 0; at < text.length; at += PART_BYTES) hash.update(text.subarray(at, at + PART_BYTES));
    return hash.digest();
  };
}

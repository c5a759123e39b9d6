/**
 * The 128-bit hash of a document's text (XXH64 with two seeds): tells equal documents from different ones, and decides parts of a
 * split. The fingerprint of a corpus is a chain of SHA-256 over lengths and hashes, so that it can be continued from its last value.
 */
import { createHash } from "node:crypto";
import xxhash from "xxhash-wasm";

export const documentHashBytes = 16;

export type HashDocument = (text: Uint8Array) => readonly [bigint, bigint];

/** The hash function; two 64-bit numbers. */
export async function createDocumentHash(): Promise<HashDocument> {
  const { h64Raw } = await xxhash();
  return (text) => [h64Raw(text, 0n), h64Raw(text, 0x636f64656b696c6en)];
}

/** A fingerprint that grows by one document at a time. */
export interface Fingerprint {
  /** @param hash the document's `documentHashBytes` bytes @param textBytes its length */
  add(hash: Uint8Array, textBytes: number): void;
  /** Hex; what `createFingerprint` continues from. */
  value(): string;
}

export function createFingerprint(value = ""): Fingerprint {
  let state: Uint8Array = Uint8Array.from(value.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  const length = new BigUint64Array(1);
  const lengthBytes = new Uint8Array(length.buffer);
  return {
    add(hash, textBytes) {
      length[0] = BigInt(textBytes);
      state = createHash("sha256").update(state).update(lengthBytes).update(hash).digest();
    },
    value: () => [...state].map((byte) => byte.toString(16).padStart(2, "0")).join(""),
  };
}

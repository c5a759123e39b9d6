/**
 * The fingerprint of a corpus: a chain of SHA-256 over the lengths and hashes of its documents, 64 documents to a link, so that it can
 * be continued from any place with what its `state` was there.
 */
import { createHash } from "node:crypto";
import { documentHashBytes } from "./document_hash.ts";

const LINK_DOCUMENTS = 64;
const ENTRY_BYTES = 8 + documentHashBytes;

/** A fingerprint that grows by one document at a time. */
export interface Fingerprint {
  /** @param hash the document's `documentHashBytes` bytes @param textBytes its length */
  add(hash: Uint8Array, textBytes: number): void;
  /** Hex: SHA-256 over the chain so far and what has no link yet. */
  value(): string;
  /** What `createFingerprint` continues from: hex of the chain and of what has no link yet. */
  state(): string;
}

export function createFingerprint(state = ""): Fingerprint {
  const [chainHex, pendingHex] = state === "" ? ["", ""] : state.split(":");
  let chain = Uint8Array.fromHex(chainHex);
  const pending = new Uint8Array(LINK_DOCUMENTS * ENTRY_BYTES);
  const view = new DataView(pending.buffer);
  let used = 0;
  for (const byte of Uint8Array.fromHex(pendingHex)) pending[used++] = byte;
  const link = () => createHash("sha256").update(chain).update(pending.subarray(0, used));
  return {
    add(hash, textBytes) {
      view.setBigUint64(used, BigInt(textBytes), true);
      pending.set(hash, used + 8);
      used += ENTRY_BYTES;
      if (used < pending.length) return;
      chain = new Uint8Array(link().digest());
      used = 0;
    },
    value: () => link().digest("hex"),
    state: () => `${chain.toHex()}:${pending.subarray(0, used).toHex()}`,
  };
}

/**
 * Where duplicates are left out, a run that goes on has to know what came before: the content hashes of the documents written so far,
 * four 32-bit words each, in a file beside the partial ones.
 */
import { partialName, removeIfPresent, writeFully } from "../files.ts";
import { openPartial } from "./partial_files.ts";

const wordsOfHash = 4;
const bufferBytes = 1 << 20;

export interface NotedHashes {
  /** Adds the hash of a document. */
  add(hash: Uint32Array): void;
  /** Hands everything to the operating system, and says of how many documents. */
  state(): number;
  /** Waits until what the last `state` covers is on the disk. */
  sync(): Promise<void>;
  /** Closes the file and leaves it. */
  suspend(): void;
  /** Closes and removes the file. */
  remove(): void;
}

export function hashesPath(prefix: string): string {
  return `${prefix}_hashes`;
}

/**
 * Opens the file of a prefix.
 * @param keep Documents that an earlier run noted.
 * @param each Told of the hash of each of them.
 */
export function openNotedHashes(prefix: string, keep: number, each: (hash: Uint32Array) => void): NotedHashes {
  const path = hashesPath(prefix);
  const file = openPartial(path, keep * wordsOfHash * 4);
  const buffer = new Uint32Array(bufferBytes / 4);
  const bytes = new Uint8Array(buffer.buffer);
  let used = 0;
  let count = keep;
  let open = true;
  const close = () => {
    if (open) file.close();
    open = false;
  };
  const flush = () => {
    writeFully(file, bytes.subarray(0, used * 4), partialName(path));
    used = 0;
  };
  try {
    file.seekSync(0, Deno.SeekMode.Start);
    for (let left = keep * wordsOfHash * 4; left > 0;) {
      const here = Math.min(left, bufferBytes);
      for (let filled = 0; filled < here;) {
        const read = file.readSync(bytes.subarray(filled, here));
        if (read === null || read === 0) throw new Error(`${partialName(path)} became shorter`);
        filled += read;
      }
      for (let i = 0; i < here / 4; i += wordsOfHash) each(buffer.slice(i, i + wordsOfHash));
      left -= here;
    }
  } catch (error) {
    close();
    throw error;
  }
  return {
    add(hash) {
      if (used === buffer.length) flush();
      buffer.set(hash, used);
      used += wordsOfHash;
      count++;
    },
    state() {
      flush();
      return count;
    },
    async sync() {
      using handle = await Deno.open(partialName(path), { write: true });
      await handle.syncData();
    },
    suspend: close,
    remove() {
      close();
      removeIfPresent(partialName(path));
    },
  };
}

/** Counts line feeds. Copied into the memory of kernels/corpus, bytes are counted there five times as fast as `indexOf` finds them. */
import { openKernels, OWN_DATA } from "./kernels.ts";

const PORTION = 32 * 1024;

let counter: ((bytes: Uint8Array) => number) | null = null;

/** How many line feeds there are. */
export function countLines(bytes: Uint8Array): number {
  counter ??= createLineCounter();
  return counter(bytes);
}

function createLineCounter(): (bytes: Uint8Array) => number {
  const kernels = openKernels();
  if (kernels === null) return countWithIndexOf;
  const { memory, countLines: count } = kernels;
  const portion = new Uint8Array(memory.buffer, OWN_DATA, PORTION);
  return (bytes) => {
    let total = 0;
    for (let at = 0; at < bytes.length; at += PORTION) {
      const part = bytes.subarray(at, at + PORTION);
      portion.set(part);
      total += count(OWN_DATA, OWN_DATA + part.length);
    }
    return total;
  };
}

/** The same in plain TypeScript. */
export function countWithIndexOf(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) count++;
  return count;
}

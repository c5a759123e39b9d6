/** Modules of WebAssembly that are small enough to be compiled where they are first needed, and their memories. */

/** A stretch of a memory, from an address on. Where the memory grows, its `buffer` becomes another one. */
export interface MemoryRoom {
  readonly memory: WebAssembly.Memory;
  readonly start: number;
}

/**
 * A module that is compiled when it is first asked for, once in a thread.
 * @returns a function that gives it, or null where the engine does not take it (it has no SIMD).
 */
export function lazyModule(bytes: Uint8Array<ArrayBuffer>): () => WebAssembly.Module | null {
  let compiled: WebAssembly.Module | null | undefined;
  return () => {
    if (compiled === undefined) {
      try {
        compiled = new WebAssembly.Module(bytes);
      } catch {
        compiled = null;
      }
    }
    return compiled;
  };
}

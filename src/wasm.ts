/** Modules of WebAssembly that are small enough to be compiled where they are first needed. */

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

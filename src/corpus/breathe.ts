/**
 * Work that never waits lets nothing else in: no signal, no timer, no message. This lets them in now and then. `setImmediate` would not
 * do: signals wait until the runtime asks the system for something, which an asynchronous call makes it do (some 100 µs).
 */

const EVERY_MS = 25;

/** A function to be called often, which waits a moment where that is due, and throws the reason of an abort. */
export function createBreather(signal?: AbortSignal): () => Promise<void> | undefined {
  let last = performance.now();
  return () => {
    if (performance.now() - last < EVERY_MS) return;
    return Deno.lstat(".").then(() => {}, () => {}).then(() => {
      last = performance.now();
      signal?.throwIfAborted();
    });
  };
}

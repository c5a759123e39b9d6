/**
 * Work that never waits lets nothing else in: no signal, no timer, no message. This lets them in now and then, by waiting for a timer (some
 * 2 ms): the runtime then asks the system what there is. Less would not do. With `setImmediate` it has something to do all the time, and
 * signals wait for dozens of turns. An asynchronous call may be done before its result is first asked for (on one processor all are that look
 * at a file), and then there is no turn at all.
 */

const EVERY_MS = 50;

/**
 * A function to be called often, which waits a moment where that is due, and throws the reason of an abort.
 * @param everyMs How many milliseconds of work it lets pass.
 */
export function createBreather(signal?: AbortSignal, everyMs = EVERY_MS): () => Promise<void> | undefined {
  let last = performance.now();
  return () => {
    if (performance.now() - last < everyMs) return;
    return new Promise<void>((resolve) => void setTimeout(resolve, 0)).then(() => {
      last = performance.now();
      signal?.throwIfAborted();
    });
  };
}

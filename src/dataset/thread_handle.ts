/**
 * A thread that encodes, as the one that has started it sees it. This module imports next to nothing, so that a thread can be started
 * before everything else is loaded.
 */
import type { Block } from "../corpus/block.ts";
import { CodekilnError } from "../errors.ts";
import { threadModule, threadName } from "../thread.ts";
import type { EncodedBlocks } from "./encode_block.ts";
import { type Answer, ENCODE_THREAD, errorOf, type Request, type Start, unpackEncoded } from "./encode_messages.ts";
import { inputStats } from "./input_stats.ts";

/** Blocks encoded, and the buffers that they came in. */
export interface Encoded {
  readonly encoded: EncodedBlocks;
  readonly buffers: readonly ArrayBuffer[];
}

/** A thread. Dispose it to end it, whatever it does. */
export interface EncodeThread extends Disposable {
  /** Groups that it was handed and has not finished. */
  readonly load: number;
  /** Tells it what to encode with; once, before anything else. */
  open(start: Omit<Start, "done">): void;
  /**
   * Hands over blocks, whose buffers go away.
   * @param spare A buffer of ids to be filled again.
   * @throws (the promise) what parsing or encoding throw, or a CodekilnError where the thread has died.
   */
  encode(blocks: readonly Block[], spare: ArrayBuffer | null): Promise<Encoded>;
}

/** Starts a thread. It takes a while until it works. */
export function startThread(): EncodeThread {
  const module = threadModule(import.meta.resolve("./encode_thread.ts"), import.meta.url);
  const worker = new Worker(module, { type: "module", name: threadName(ENCODE_THREAD) });
  const waiting: PromiseWithResolvers<Encoded>[] = [];
  const done = new Int32Array(new SharedArrayBuffer(4));
  let sent = 0;
  let dead: CodekilnError | null = null;
  const fail = (error: CodekilnError) => {
    dead = error;
    for (const { reject } of waiting.splice(0)) reject(error);
  };
  worker.onmessage = ({ data }: MessageEvent<Answer>) => {
    const first = waiting.shift();
    if ("failure" in data) first?.reject(errorOf(data.failure));
    else first?.resolve({ encoded: unpackEncoded(data.encoded), buffers: data.buffers });
  };
  worker.onerror = (event) => {
    event.preventDefault();
    fail(new CodekilnError(`an encoding thread has ended: ${event.message}`));
  };
  worker.onmessageerror = () => fail(new CodekilnError("an encoding thread sent what cannot be read"));
  return {
    get load() {
      return sent - Atomics.load(done, 0);
    },
    open: (start) => worker.postMessage({ start: { ...start, done } } satisfies Request),
    encode(blocks, spare) {
      if (dead) return Promise.reject(dead);
      const result = Promise.withResolvers<Encoded>();
      result.promise.catch(() => {}); // the caller may have given up by then
      waiting.push(result);
      sent++;
      const buffers = blocks.map(({ bytes }) => bytes.buffer);
      worker.postMessage({ blocks, spare } satisfies Request, spare ? [...buffers, spare] : buffers);
      return result.promise;
    },
    [Symbol.dispose]() {
      worker.terminate();
      fail(new CodekilnError("an encoding thread was ended"));
    },
  };
}

/** A file is large enough to be worth a thread, whatever it is packed with. */
const LARGE_FILE_BYTES = 4 * 1024 * 1024;

/**
 * Starts a thread if one of the inputs is known to be large, so that it starts while the rest of the program is loaded.
 * @param workers Threads that are to encode, the calling one included; default: as many as there are processors.
 */
export async function startThreadAhead(
  paths: readonly string[],
  workers: number = navigator.hardwareConcurrency,
): Promise<EncodeThread | null> {
  if (workers < 2) return null;
  const stats = await inputStats(paths);
  const large = stats.some((stat) => stat !== null && stat.isFile && stat.size >= LARGE_FILE_BYTES);
  return large ? startThread() : null;
}

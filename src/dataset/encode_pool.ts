/**
 * Who encodes: other threads, and, when they all have enough to do, this one as well. So `workers` threads take `workers` processors,
 * although one of them also reads and writes. Threads start when there is work for them: a corpus of one group costs none.
 */
import type { Block } from "../corpus/block.ts";
import { CodekilnError } from "../errors.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { type BlockEncoder, createBlockEncoder, type EncodedBlocks, type EncodeSettings } from "./encode_block.ts";
import { type Answer, errorOf, type Request, startEncodeThread, unpackEncoded } from "./encode_thread.ts";

/** A pool of encoders. Dispose it to stop them, whatever they do. */
export interface EncodePool extends Disposable {
  /**
   * Encodes blocks, whose buffers go away. Where all threads have enough to do, it is done before the function returns.
   * @throws (the promise) what parsing or encoding throw, or a CodekilnError where a thread died.
   */
  encode(blocks: readonly Block[]): Promise<EncodedBlocks>;
  /** Encodes blocks in this thread. */
  encodeHere(blocks: readonly Block[]): EncodedBlocks;
  /** Takes back the buffer of ids that are done with. */
  reuse(ids: ArrayBuffer): void;
}

interface Thread {
  readonly worker: Worker;
  readonly waiting: PromiseWithResolvers<EncodedBlocks>[];
  /** Groups that it was handed. */
  sent: number;
  /** Groups that it has finished; their answers may not have arrived. */
  readonly done: Int32Array<SharedArrayBuffer>;
  /** Why it has ended. */
  dead: CodekilnError | null;
}

/** Groups that a thread holds: one that it encodes, and some for the time in which this thread encodes one itself. */
const GROUPS_A_THREAD = 3;

/** Larger buffers of ids are not filled again. */
const MAX_SPARE_BYTES = 16 * 1024 * 1024;

export interface PoolOptions extends EncodeSettings {
  /** Threads, this one included. */
  readonly workers: number;
  readonly tokenizer: Tokenizer;
  /** Starts a thread at once, for a corpus that is known to be large. */
  readonly ahead?: boolean;
  /** Takes back the buffer of a block that was encoded. */
  readonly onBlockDone: (buffer: ArrayBuffer) => void;
}

export async function createEncodePool(
  { workers, tokenizer, ahead = false, onBlockDone, ...settings }: PoolOptions,
): Promise<EncodePool> {
  const threads: Thread[] = [];
  const spares: ArrayBuffer[] = [];

  const startThread = (): Thread => {
    const worker = startEncodeThread();
    const done = new Int32Array(new SharedArrayBuffer(4));
    const thread: Thread = { worker, waiting: [], sent: 0, done, dead: null };
    const fail = (error: CodekilnError) => {
      thread.dead = error;
      for (const { reject } of thread.waiting.splice(0)) reject(error);
    };
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      const waiting = thread.waiting.shift();
      if ("failure" in data) return waiting?.reject(errorOf(data.failure));
      data.buffers.forEach(onBlockDone);
      waiting?.resolve(unpackEncoded(data.encoded));
    };
    worker.onerror = (event) => {
      event.preventDefault();
      fail(new CodekilnError(`an encoding thread has ended: ${event.message}`));
    };
    worker.onmessageerror = () => fail(new CodekilnError("an encoding thread sent what cannot be read"));
    const { seed, name, fingerprint } = tokenizer;
    worker.postMessage({ start: { settings, seed, tokenizer: name, fingerprint, done } } satisfies Request);
    threads.push(thread);
    return thread;
  };
  const stopThreads = () => {
    for (const { worker } of threads) worker.terminate();
  };
  if (ahead && workers > 1) startThread();
  const own: BlockEncoder = await createBlockEncoder(tokenizer, settings).catch((error) => {
    stopThreads();
    throw error;
  });
  const loadOf = ({ sent, done }: Thread): number => sent - Atomics.load(done, 0);
  const idleThread = (): Thread | null => {
    const idlest = threads.toSorted((a, b) => loadOf(a) - loadOf(b)).at(0);
    const load = idlest ? loadOf(idlest) : Infinity;
    if (load > 0 && threads.length < workers - 1) return startThread();
    return load < GROUPS_A_THREAD ? idlest ?? null : null;
  };
  const encodeHere = (blocks: readonly Block[]): EncodedBlocks => {
    const spare = spares.pop();
    if (spare) own.reuse(spare);
    const encoded = own.encode(blocks);
    for (const { bytes } of blocks) onBlockDone(bytes.buffer);
    return encoded;
  };

  return {
    encode(blocks) {
      const thread = idleThread();
      if (thread === null) return Promise.try(encodeHere, blocks);
      if (thread.dead) return Promise.reject(thread.dead);
      const result = Promise.withResolvers<EncodedBlocks>();
      result.promise.catch(() => {}); // the caller may have given up by then
      thread.waiting.push(result);
      thread.sent++;
      const spare = spares.pop() ?? null;
      const buffers = blocks.map(({ bytes }) => bytes.buffer);
      thread.worker.postMessage({ blocks, spare } satisfies Request, spare ? [...buffers, spare] : buffers);
      return result.promise;
    },
    encodeHere,
    reuse(ids) {
      if (spares.length < 2 * workers && ids.byteLength <= MAX_SPARE_BYTES) spares.push(ids);
    },
    [Symbol.dispose]: stopThreads,
  };
}

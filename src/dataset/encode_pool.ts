/**
 * Who encodes: other threads, and, when they all have enough to do, this one as well. So `workers` threads take `workers` processors,
 * although one of them also reads and writes. Threads start when there is work for them: a corpus of one group costs none.
 */
import type { Block } from "../corpus/block.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { type BlockEncoder, createBlockEncoder, type EncodedBlocks, type EncodeSettings } from "./encode_block.ts";
import { type EncodeThread, startThread } from "./thread_handle.ts";

/** A pool of encoders. Dispose it to stop them, whatever they do. */
export interface EncodePool extends Disposable {
  /**
   * Encodes blocks, whose buffers go away. Where all threads have enough to do, this one does it before it comes to anything else.
   * @throws (the promise) what parsing or encoding throw, or a CodekilnError where a thread died.
   */
  encode(blocks: readonly Block[]): Promise<EncodedBlocks>;
  /** Encodes blocks in this thread. */
  encodeHere(blocks: readonly Block[]): Promise<EncodedBlocks>;
  /** Takes back the buffer of ids that are done with. */
  reuse(ids: ArrayBuffer): void;
}

/** Groups that a thread holds: one that it encodes, and some for the time in which this thread encodes one itself. */
const GROUPS_A_THREAD = 3;

/** Larger buffers of ids are not filled again. */
const MAX_SPARE_BYTES = 16 * 1024 * 1024;

export interface PoolOptions extends EncodeSettings {
  /** Threads, this one included. */
  readonly workers: number;
  readonly tokenizer: Tokenizer;
  /** A thread that was started before. The pool ends it. */
  readonly ahead: EncodeThread | null;
  /** Takes back the buffer of a block that was encoded. */
  readonly onBlockDone: (buffer: ArrayBuffer) => void;
}

export function createEncodePool({ workers, tokenizer, ahead, onBlockDone, ...settings }: PoolOptions): EncodePool {
  const threads: EncodeThread[] = [];
  const spares: ArrayBuffer[] = [];
  let own: Promise<BlockEncoder> | null = null;

  const add = (thread: EncodeThread): EncodeThread => {
    threads.push(thread);
    const { seed, name, fingerprint } = tokenizer;
    thread.open({ settings, seed, tokenizer: name, fingerprint });
    return thread;
  };
  if (ahead) add(ahead);
  const idleThread = (): EncodeThread | null => {
    const idlest = threads.toSorted((a, b) => a.load - b.load).at(0);
    const load = idlest ? idlest.load : Infinity;
    if (load > 0 && threads.length < workers - 1) return add(startThread());
    return load < GROUPS_A_THREAD ? idlest ?? null : null;
  };
  const encodeHere = async (blocks: readonly Block[]): Promise<EncodedBlocks> => {
    const encoder = await (own ??= createBlockEncoder(tokenizer, settings));
    const spare = spares.pop();
    if (spare) encoder.reuse(spare);
    const encoded = encoder.encode(blocks);
    for (const { bytes } of blocks) onBlockDone(bytes.buffer);
    return encoded;
  };

  return {
    async encode(blocks) {
      const thread = idleThread();
      if (thread === null) return await encodeHere(blocks);
      const { encoded, buffers } = await thread.encode(blocks, spares.pop() ?? null);
      buffers.forEach(onBlockDone);
      return encoded;
    },
    encodeHere,
    reuse(ids) {
      if (spares.length < 2 * workers && ids.byteLength <= MAX_SPARE_BYTES) spares.push(ids);
    },
    [Symbol.dispose]() {
      for (const thread of threads) thread[Symbol.dispose]();
    },
  };
}

/**
 * Threads that encode blocks. Each holds a tokenizer of its own and works through what it is handed, in order; the caller bounds how
 * much that is. Threads start when there is work for them, so a small corpus costs one.
 *
 * A thread is this module (or, in a bundle, the whole program) started again under a name of its own.
 */
import type { Block } from "../corpus/block.ts";
import { CodekilnError, type ErrorDetails, FormatError, UserError } from "../errors.ts";
import { isThreadFor, threadName } from "../thread.ts";
import { loadTokenizer } from "../tokenizer/load.ts";
import { packBlocks } from "./pack_blocks.ts";
import { buffersOf, createBlockEncoder, type EncodedBlocks, type EncodeSettings } from "./encode_block.ts";

/** The kind of thread. */
const KIND = "encode";

interface Start extends EncodeSettings {
  readonly tokenizer: string;
  readonly fingerprint: string;
}

type Request = { readonly start: Start } | { readonly blocks: readonly Block[] };

interface Failure {
  readonly kind: "UserError" | "FormatError" | "CodekilnError" | "Error";
  readonly message: string;
  readonly details: ErrorDetails;
  readonly stack: string;
}

type Answer = { readonly encoded: WireBlocks } | { readonly failure: Failure };

/** A pool of encoding threads. Dispose it to stop them, whatever they do. */
export interface EncodePool extends Disposable {
  /**
   * Encodes blocks; what they view is copied.
   * @throws what parsing or encoding it threw, or a CodekilnError where the thread died.
   */
  encode(blocks: readonly Block[]): Promise<EncodedBlocks>;
}

interface Thread {
  readonly worker: Worker;
  readonly waiting: PromiseWithResolvers<EncodedBlocks>[];
}

/**
 * @param options.workers Threads at most.
 * @param options.tokenizer Name or path that `loadTokenizer` takes.
 * @param options.fingerprint Of that tokenizer; a thread that finds another one there refuses to work.
 */
export function createEncodePool(
  { workers, tokenizer, fingerprint, parse, appendEos }: Start & { workers: number },
): EncodePool {
  const threads: Thread[] = [];

  const startThread = (): Thread => {
    const worker = new Worker(import.meta.url, { type: "module", name: threadName(KIND) });
    const thread: Thread = { worker, waiting: [] };
    const fail = (error: CodekilnError) => {
      for (const { reject } of thread.waiting.splice(0)) reject(error);
    };
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      const waiting = thread.waiting.shift();
      if ("failure" in data) waiting?.reject(errorOf(data.failure));
      else waiting?.resolve(unpackEncoded(data.encoded));
    };
    worker.onerror = (event) => {
      event.preventDefault();
      fail(new CodekilnError(`an encoding thread has ended: ${event.message}`));
    };
    worker.onmessageerror = () => fail(new CodekilnError("an encoding thread sent what cannot be read"));
    const start: Request = { start: { tokenizer, fingerprint, parse, appendEos } };
    worker.postMessage(start);
    threads.push(thread);
    return thread;
  };

  return {
    encode(blocks) {
      let thread = threads.reduce<Thread | null>(
        (least, other) => least === null || other.waiting.length < least.waiting.length ? other : least,
        null,
      );
      if (thread === null || (thread.waiting.length > 0 && threads.length < workers)) thread = startThread();
      const result = Promise.withResolvers<EncodedBlocks>();
      result.promise.catch(() => {}); // the caller may have given up by then
      thread.waiting.push(result);
      const { packed, buffers } = packBlocks(blocks);
      const request: Request = { blocks: packed };
      thread.worker.postMessage(request, buffers);
      return result.promise;
    },
    [Symbol.dispose]() {
      for (const { worker } of threads) worker.terminate();
    },
  };
}

function errorOf({ kind, message, details, stack }: Failure): Error {
  const Kind = { UserError, FormatError, CodekilnError, Error }[kind];
  const error = new Kind("", details);
  error.message = message;
  error.stack = stack;
  return error;
}

function failureOf(error: unknown): Failure {
  const { message, stack = "" } = error instanceof Error ? error : new Error(String(error));
  if (!(error instanceof CodekilnError)) return { kind: "Error", message, details: {}, stack };
  const kind = error instanceof UserError
    ? "UserError"
    : error instanceof FormatError
    ? "FormatError"
    : "CodekilnError";
  const { where, expected, hint } = error.details;
  return { kind, message, details: { where, expected, hint }, stack };
}

/** Errors do not travel as they are. */
type WireBlocks = Omit<EncodedBlocks, "leftOut"> & {
  readonly leftOut: readonly { dropped: EncodedBlocks["leftOut"][number]["dropped"]; damaged: Failure[] }[];
};

function packEncoded({ leftOut, ...rest }: EncodedBlocks): WireBlocks {
  return { ...rest, leftOut: leftOut.map(({ dropped, damaged }) => ({ dropped, damaged: damaged.map(failureOf) })) };
}

function unpackEncoded({ leftOut, ...rest }: WireBlocks): EncodedBlocks {
  const damagedOf = (failures: readonly Failure[]) =>
    failures.map(errorOf).filter((error): error is FormatError => error instanceof FormatError);
  return { ...rest, leftOut: leftOut.map(({ dropped, damaged }) => ({ dropped, damaged: damagedOf(damaged) })) };
}

interface WorkerScope {
  postMessage(message: Answer, transfer?: ArrayBuffer[]): void;
  onmessage: ((event: MessageEvent<Request>) => void) | null;
}

async function openEncoder({ tokenizer: name, fingerprint, parse, appendEos }: Start) {
  const tokenizer = await loadTokenizer(name);
  if (tokenizer.fingerprint !== fingerprint) {
    throw new UserError("the tokenizer was changed while it was in use", { where: name });
  }
  return await createBlockEncoder(tokenizer, { parse, appendEos });
}

/** What a thread does: each request is answered in turn. */
function serve(scope: WorkerScope): void {
  let encoder: ReturnType<typeof openEncoder> | null = null;
  scope.onmessage = async ({ data }) => {
    if ("start" in data) {
      encoder = openEncoder(data.start);
      encoder.catch(() => {}); // told with the first block
      return;
    }
    try {
      if (encoder === null) throw new Error("no tokenizer was named");
      const encoded = (await encoder)(data.blocks);
      scope.postMessage({ encoded: packEncoded(encoded) }, buffersOf(encoded));
    } catch (error) {
      scope.postMessage({ failure: failureOf(error) });
    }
  };
}

if (isThreadFor(KIND)) serve(globalThis as unknown as WorkerScope);

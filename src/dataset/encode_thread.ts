/**
 * A thread that encodes blocks, and what goes to and fro. It is this module (or, in a bundle, the whole program) started again under a
 * name of its own. It imports little, because its start is time in which nothing is encoded: another tokenizer than byte-level BPE is
 * loaded when one is asked for.
 */
import type { Block } from "../corpus/block.ts";
import { CodekilnError, type ErrorDetails, FormatError, UserError } from "../errors.ts";
import { isThreadFor, threadName } from "../thread.ts";
import { type EncoderSeed, growEncoder } from "../tokenizer/encoder.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import {
  type BlockEncoder,
  buffersOf,
  createBlockEncoder,
  type EncodedBlocks,
  type EncodeSettings,
} from "./encode_block.ts";

/** The kind of thread. */
const KIND = "encode";

/** What a thread is told first. */
export interface Start {
  readonly settings: EncodeSettings;
  /** Grows the same encoder; without one the tokenizer is loaded by its name. */
  readonly seed: EncoderSeed | null;
  readonly tokenizer: string;
  /** Of that tokenizer; a thread that finds another one there refuses to work. */
  readonly fingerprint: string;
  /** One number, of requests that are done: known at once, while the answer waits for the other thread to listen. */
  readonly done: Int32Array<SharedArrayBuffer>;
}

/** Each request for blocks is answered in turn. `spare` is a buffer of ids to be filled again. */
export type Request = { readonly start: Start } | {
  readonly blocks: readonly Block[];
  readonly spare: ArrayBuffer | null;
};

/** Errors do not travel as they are. */
export interface Failure {
  readonly kind: "UserError" | "FormatError" | "CodekilnError" | "Error";
  readonly message: string;
  readonly details: ErrorDetails;
  readonly stack: string;
}

type WireBlocks = Omit<EncodedBlocks, "leftOut"> & {
  readonly leftOut: readonly { dropped: EncodedBlocks["leftOut"][number]["dropped"]; damaged: Failure[] }[];
};

/** Blocks encoded, and the buffers that they came in. */
export type Answer = { readonly encoded: WireBlocks; readonly buffers: readonly ArrayBuffer[] } | {
  readonly failure: Failure;
};

/** Starts a thread; its first message has to be a `Start`. See thread_handle.ts. */
export function startEncodeThread(): Worker {
  return new Worker(import.meta.url, { type: "module", name: threadName(KIND) });
}

export function errorOf({ kind, message, details, stack }: Failure): Error {
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

function packEncoded({ leftOut, ...rest }: EncodedBlocks): WireBlocks {
  return { ...rest, leftOut: leftOut.map(({ dropped, damaged }) => ({ dropped, damaged: damaged.map(failureOf) })) };
}

/** What a thread answered, as it was there. */
export function unpackEncoded({ leftOut, ...rest }: WireBlocks): EncodedBlocks {
  const damagedOf = (failures: readonly Failure[]) =>
    failures.map(errorOf).filter((error): error is FormatError => error instanceof FormatError);
  return { ...rest, leftOut: leftOut.map(({ dropped, damaged }) => ({ dropped, damaged: damagedOf(damaged) })) };
}

interface WorkerScope {
  postMessage(message: Answer, transfer?: ArrayBuffer[]): void;
  onmessage: ((event: MessageEvent<Request>) => void) | null;
}

async function openEncoder({ settings, seed, tokenizer: name, fingerprint }: Start): Promise<BlockEncoder> {
  const tokenizer = seed ? growEncoder(seed) : await loadAgain(name, fingerprint);
  return await createBlockEncoder(tokenizer, settings);
}

async function loadAgain(name: string, fingerprint: string): Promise<Tokenizer> {
  const { loadTokenizer } = await import("../tokenizer/load.ts");
  const tokenizer = await loadTokenizer(name);
  if (tokenizer.fingerprint === fingerprint) return tokenizer;
  throw new UserError("the tokenizer was changed while it was in use", { where: name });
}

/** What a thread does: each request is answered in turn. */
function serve(scope: WorkerScope): void {
  let opening: Promise<BlockEncoder> | null = null;
  let done: Start["done"] | null = null;
  scope.onmessage = async ({ data }) => {
    if ("start" in data) {
      done = data.start.done;
      opening = openEncoder(data.start);
      opening.catch(() => {}); // told with the first block
      return;
    }
    try {
      if (opening === null) throw new Error("no tokenizer was named");
      const encoder = await opening;
      if (data.spare) encoder.reuse(data.spare);
      const encoded = encoder.encode(data.blocks);
      if (done) Atomics.add(done, 0, 1);
      const buffers = data.blocks.map(({ bytes }) => bytes.buffer);
      scope.postMessage({ encoded: packEncoded(encoded), buffers }, [...buffersOf(encoded), ...buffers]);
    } catch (error) {
      if (done) Atomics.add(done, 0, 1);
      scope.postMessage({ failure: failureOf(error) });
    }
  };
}

if (isThreadFor(KIND)) serve(globalThis as unknown as WorkerScope);

/** What goes to and fro between a thread that encodes (encode_thread.ts) and the one that has started it (thread_handle.ts). */
import type { Block } from "../corpus/block.ts";
import { CodekilnError, type ErrorDetails, FormatError, UserError } from "../errors.ts";
import type { EncoderSeed } from "../tokenizer/encoder.ts";
import type { EncodedBlocks, EncodeSettings } from "./encode_block.ts";

/** The kind of thread. */
export const ENCODE_THREAD = "encode";

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

export function errorOf({ kind, message, details, stack }: Failure): Error {
  const Kind = { UserError, FormatError, CodekilnError, Error }[kind];
  const error = new Kind("", details);
  error.message = message;
  error.stack = stack;
  return error;
}

export function failureOf(error: unknown): Failure {
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

export function packEncoded({ leftOut, ...rest }: EncodedBlocks): WireBlocks {
  return { ...rest, leftOut: leftOut.map(({ dropped, damaged }) => ({ dropped, damaged: damaged.map(failureOf) })) };
}

/** What a thread answered, as it was there. */
export function unpackEncoded({ leftOut, ...rest }: WireBlocks): EncodedBlocks {
  const damagedOf = (failures: readonly Failure[]) =>
    failures.map(errorOf).filter((error): error is FormatError => error instanceof FormatError);
  return { ...rest, leftOut: leftOut.map(({ dropped, damaged }) => ({ dropped, damaged: damagedOf(damaged) })) };
}

/**
 * Deflate and gzip decoding, driven synchronously through the handle of node:zlib's streams. As streams they give out
 * what came before damage or lose it, as it happens; driven like this they always give out the same, and are faster.
 *
 * The handle is not a public interface, so it is used only after a probe has worked; without it the streams are used.
 */
import { pipeline, Readable } from "node:stream";
import * as zlib from "node:zlib";
import type { ByteStream } from "./bytes.ts";

export type InflateKind = "gzip" | "raw";

/** Decodes one file or member. */
export interface Inflater {
  /**
   * Gives out what the next bytes decode to, piece by piece, so that memory does not depend on how well they are packed.
   * A piece is good until the next one is asked for.
   * @returns How many of the bytes lie behind the end of the data: 0 before it.
   * @throws Error for data that can be told to be wrong, after what came before it has been given out.
   */
  push(input: Uint8Array): Generator<Uint8Array, number>;
  /** No bytes follow. @throws Error where the data has not ended. */
  finish(): void;
  /** Forgets everything, for other data. */
  reset(): void;
  close(): void;
}

interface Handle {
  onerror: (message: string) => void;
  reset(): void;
  writeSync(
    flush: number,
    input: Uint8Array,
    inputOffset: number,
    inputLength: number,
    output: Uint8Array,
    outputOffset: number,
    outputLength: number,
  ): void;
}

interface Stream {
  _handle?: Partial<Handle> | null;
  _writeState?: Uint32Array;
  close(): void;
  on(event: "error", listener: () => void): void;
}

const OUTPUT_BYTES = 128 * 1024;
const NO_FLUSH = zlib.constants.Z_NO_FLUSH;
const FINISH = zlib.constants.Z_FINISH;

function openInflater(kind: InflateKind): Inflater {
  const stream = (kind === "gzip" ? zlib.createGunzip() : zlib.createInflateRaw()) as unknown as Stream;
  const { _handle: partial, _writeState: writeState } = stream;
  const usable = typeof partial?.writeSync === "function" && typeof partial.reset === "function";
  if (!usable || !(writeState instanceof Uint32Array)) {
    stream.close();
    throw new Error("no synchronous handle");
  }
  const state = writeState;
  const handle = partial as Handle;
  stream.on("error", () => {});
  let problem: string | null = null;
  handle.onerror = (message) => {
    problem = message;
  };
  const buffer = new Uint8Array(OUTPUT_BYTES);
  function* write(flush: number, input: Uint8Array): Generator<Uint8Array, number> {
    let at = 0;
    for (;;) {
      handle.writeSync(flush, input, at, input.length - at, buffer, 0, buffer.length);
      if (problem !== null) throw new Error(problem);
      const [roomLeft, left] = state;
      at = input.length - left;
      if (roomLeft < buffer.length) yield buffer.subarray(0, buffer.length - roomLeft);
      if (roomLeft > 0) return left;
    }
  }
  return {
    push: (input) => write(NO_FLUSH, input),
    finish: () => void write(FINISH, new Uint8Array(0)).next(),
    reset() {
      handle.reset();
      problem = null;
    },
    close: () => stream.close(),
  };
}

/** Whether the handles work: they decode, tell the end, throw on damage and at a truncation, and do all that once more after a reset. */
function probe(): boolean {
  const text = "abcabcabcabc";
  for (const kind of ["gzip", "raw"] as const) {
    const packed = new Uint8Array(kind === "gzip" ? zlib.gzipSync(text) : zlib.deflateRawSync(text));
    const inflater = openInflater(kind);
    const run = (input: Uint8Array): string => {
      try {
        const pieces = inflater.push(input);
        let output = "";
        let next = pieces.next();
        for (; !next.done; next = pieces.next()) output += String.fromCharCode(...next.value);
        inflater.finish();
        return `${output} ${next.value}`;
      } catch {
        return "failed";
      } finally {
        inflater.reset();
      }
    };
    try {
      if (run(packed) !== `${text} 0`) return false;
      if (run(packed.subarray(0, -1)) !== "failed") return false;
      if (run(new Uint8Array([...packed, 0, 0])) !== `${text} 2`) return false;
      if (run(new Uint8Array([7, ...packed])) !== "failed") return false;
      if (run(packed) !== `${text} 0`) return false;
    } finally {
      inflater.close();
    }
  }
  return true;
}

let works: boolean | null = null;

/** An inflater, or null where the runtime's streams cannot be driven synchronously. */
export function createInflater(kind: InflateKind): Inflater | null {
  if (works === null) {
    try {
      works = probe();
    } catch {
      works = false;
    }
  }
  return works ? openInflater(kind) : null;
}

/**
 * The same through a stream: what the source's bytes decode to.
 * @param onEnd Told of the bytes decoded, at the end and before an error is thrown.
 */
export async function* inflateThroughStream(
  kind: InflateKind,
  source: ByteStream,
  onEnd: (bytesDecoded: number) => void,
): AsyncGenerator<Uint8Array> {
  const options = { chunkSize: OUTPUT_BYTES };
  const stream = kind === "gzip" ? zlib.createGunzip(options) : zlib.createInflateRaw(options);
  let sourceError: { error: unknown } | null = null;
  async function* guarded(): AsyncGenerator<Uint8Array> {
    try {
      // The stream may ask for the next chunk before it is done with this one.
      for await (const chunk of source) yield chunk.slice();
    } catch (error) {
      sourceError = { error };
      throw error;
    }
  }
  pipeline(Readable.from(guarded(), { objectMode: true, highWaterMark: 1 }), stream, () => {});
  try {
    for await (const chunk of stream) yield chunk as Uint8Array;
  } catch (error) {
    const fromSource = sourceError as { error: unknown } | null;
    throw fromSource === null ? error : fromSource.error;
  } finally {
    onEnd(stream.bytesWritten);
    stream.destroy();
  }
}

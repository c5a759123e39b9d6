/**
 * The two zstd block decoders behind one synchronous interface: node:zlib's native one and npm:fzstd.
 *
 * Both see normalised frames: a six-byte header that declares nothing but the window and, for a decoder that checks it, that
 * there is a checksum (no content size, no dictionary), then the frame's blocks. The length is checked by the caller (zstd.ts), as is the
 * checksum for a decoder that does not.
 *
 * The native decoder is driven through the stream object's handle: as a stream, Deno 2.9.6 throws a decoding error
 * from a later tick, where no caller can catch it, while `writeSync` throws it here. The handle is not a public
 * interface, so it is used only after a probe has decoded a known frame with it; otherwise `auto` means fzstd.
 */
import * as zlib from "node:zlib";
import { Decompress } from "fzstd";
import { UserError } from "../errors.ts";

/** Which decoder to use; `auto` is the native one where it works, else fzstd. */
export type ZstdDecoder = "auto" | "native" | "fzstd";

/** Decodes one frame, or, where the choice says so, one after the other. Both functions throw on data that they can tell to be wrong. */
export interface FrameDecoder {
  /** Hands over what comes next of the frame: whole blocks. It stays as it is until `pull` has given everything. */
  push(input: Uint8Array, last: boolean): void;
  /** Fills `target`, which is not empty, with what the input decodes to; less than it has room for is the end of that. */
  pull(target: Uint8Array): number;
  close(): void;
}

export type FrameDecoderFactory = () => FrameDecoder;

/** What a choice comes to. */
export interface ChosenDecoder {
  name: "native" | "fzstd";
  create: FrameDecoderFactory;
  /** The largest window that the decoder decodes rightly, bytes. */
  maxWindowBytes: number;
  /** Whether it holds the output against the checksum, if a frame's header declares one: `push` of a wrong one throws. */
  checks: boolean;
  /** Whether another frame may follow one that came to its end. */
  reusable: boolean;
}

const NATIVE_MAX_WINDOW_BYTES = 128 * 1024 * 1024;

/** fzstd 0.1.1 reads at most 25 bits of a match offset: from 2^26 on, its output is silently wrong. */
const FZSTD_MAX_WINDOW_BYTES = 2 ** 26 - 4;

interface NativeHandle {
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

interface NativeStream {
  _handle?: Partial<NativeHandle> | null;
  _writeState?: Uint32Array;
  close(): void;
  on(event: "error", listener: () => void): void;
}

function createFzstdDecoder(): FrameDecoder {
  let chunks: Uint8Array[] = [];
  const stream = new Decompress((chunk) => {
    if (chunk.length > 0) chunks.push(chunk);
  });
  return {
    push(input, last) {
      stream.push(input.slice(), last); // it keeps what it has too little of
    },
    pull(target) {
      let filled = 0;
      while (chunks.length > 0 && filled < target.length) {
        const part = chunks[0].subarray(0, target.length - filled);
        target.set(part, filled);
        filled += part.length;
        if (part.length === chunks[0].length) chunks.shift();
        else chunks[0] = chunks[0].subarray(part.length);
      }
      return filled;
    },
    close() {
      chunks = [];
    },
  };
}

function nativeFactory(module: object): FrameDecoderFactory | null {
  const create = (module as { createZstdDecompress?: unknown }).createZstdDecompress;
  if (typeof create !== "function") return null;
  const factory = (): FrameDecoder => {
    const stream = create() as NativeStream;
    const handle = stream._handle;
    const state = stream._writeState;
    if (typeof handle?.writeSync !== "function" || !(state instanceof Uint32Array)) {
      stream.close();
      throw new Error("no synchronous zstd handle");
    }
    const native = handle as NativeHandle;
    stream.on("error", () => {});
    let input: Uint8Array = new Uint8Array(0);
    let used = 0;
    return {
      push(bytes) {
        input = bytes;
        used = 0;
      },
      pull(target) {
        for (let filled = 0;;) {
          const left = input.length - used;
          native.writeSync(0, input, used, left, target, filled, target.length - filled);
          const [roomLeft, inputLeft] = state;
          const before = filled;
          filled = target.length - roomLeft;
          used = input.length - inputLeft;
          if (roomLeft === 0 || inputLeft === 0) return filled;
          if (filled === before && inputLeft === left) throw new Error("data after the end of the frame");
        }
      },
      close: () => stream.close(),
    };
  };
  return probe(factory) ? factory : null;
}

/** Of `abccc`. */
const CHECKSUM = [0x91, 0x04, 0x47, 0x81];

/**
 * Whether a decoder decodes a raw and an RLE block, and another frame behind them, and throws on a wrong checksum and on a reserved block
 * type.
 */
function probe(factory: FrameDecoderFactory): boolean {
  const header = [0x28, 0xb5, 0x2f, 0xfd, 4, 0];
  const blocks = [0x10, 0, 0, 0x61, 0x62, 0x1b, 0, 0, 0x63];
  /** What a frame decodes to, the last bytes pushed by themselves, so many times by one decoder; null where that throws. */
  const run = (frame: number[], last: number[], times = 1): string | null => {
    let decoder: FrameDecoder | null = null;
    const text = new Uint8Array(16);
    let length = 0;
    try {
      decoder = factory();
      for (let i = 0; i < times; i++) {
        decoder.push(new Uint8Array([...header, ...frame]), true);
        length += decoder.pull(text.subarray(length));
        decoder.push(new Uint8Array(last), true);
        length += decoder.pull(text.subarray(length));
      }
      return String.fromCharCode(...text.subarray(0, length));
    } catch {
      return null;
    } finally {
      decoder?.close();
    }
  };
  return run(blocks, CHECKSUM, 2) === "abcccabccc" && run(blocks, CHECKSUM.with(3, 0)) === null &&
    run([], [0x17, 0, 0, 0x61, 0x62]) === null;
}

const factories = new WeakMap<object, FrameDecoderFactory | null>();

/**
 * The decoder for a choice.
 * @param module Stands in for node:zlib.
 * @throws UserError where `native` is asked for and not there.
 */
export function chooseZstdDecoder(choice: ZstdDecoder, module: object = zlib): ChosenDecoder {
  if (choice !== "fzstd") {
    let native = factories.get(module);
    if (native === undefined) factories.set(module, native = nativeFactory(module));
    if (native !== null) {
      const maxWindowBytes = NATIVE_MAX_WINDOW_BYTES;
      return { name: "native", create: native, maxWindowBytes, checks: true, reusable: true };
    }
    if (choice === "native") {
      throw new UserError("this runtime has no native zstd decoder", { hint: 'use the decoder "auto" or "fzstd"' });
    }
  }
  const maxWindowBytes = FZSTD_MAX_WINDOW_BYTES;
  return { name: "fzstd", create: createFzstdDecoder, maxWindowBytes, checks: false, reusable: false };
}

/**
 * The two zstd block decoders behind one synchronous interface: node:zlib's native one and npm:fzstd.
 *
 * Both see one normalised frame at a time: a six-byte header that declares nothing but the window and, for a decoder that checks it, that
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

/**
 * Decodes one frame. `push` returns what the input so far decodes to, good until the next `push`, and throws on data it can
 * tell to be wrong.
 */
export interface FrameDecoder {
  push(input: Uint8Array, last: boolean): Uint8Array[];
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
}

const NATIVE_MAX_WINDOW_BYTES = 128 * 1024 * 1024;

/** fzstd 0.1.1 reads at most 25 bits of a match offset: from 2^26 on, its output is silently wrong. */
const FZSTD_MAX_WINDOW_BYTES = 2 ** 26 - 4;

/** A little more than a block, so that what a block decodes to goes into one array. */
const OUTPUT_BYTES = 128 * 1024 + 1024;

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
  let output: Uint8Array[] = [];
  const stream = new Decompress((chunk) => {
    if (chunk.length > 0) output.push(chunk);
  });
  return {
    push(input, last) {
      output = [];
      stream.push(input.slice(), last); // it keeps what it has too little of
      return output;
    },
    close() {},
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
    const first = new Uint8Array(OUTPUT_BYTES);
    return {
      push(input) {
        const chunks: Uint8Array[] = [];
        let output = first;
        let inputOffset = 0;
        for (;;) {
          const inputLength = input.length - inputOffset;
          native.writeSync(0, input, inputOffset, inputLength, output, 0, output.length);
          const [roomLeft, inputLeft] = state;
          const produced = output.length - roomLeft;
          inputOffset += inputLength - inputLeft;
          if (produced > 0) chunks.push(output.subarray(0, produced));
          if (roomLeft === 0) {
            output = new Uint8Array(OUTPUT_BYTES);
          } else if (inputLeft === 0) {
            return chunks;
          } else if (produced === 0 && inputLeft === inputLength) {
            throw new Error("data after the end of the frame");
          }
        }
      },
      close: () => stream.close(),
    };
  };
  return probe(factory) ? factory : null;
}

/** Of `abccc`. */
const CHECKSUM = [0x91, 0x04, 0x47, 0x81];

/** Whether a decoder decodes a raw and an RLE block, and throws on a wrong checksum and on a reserved block type. */
function probe(factory: FrameDecoderFactory): boolean {
  const header = [0x28, 0xb5, 0x2f, 0xfd, 4, 0];
  const blocks = [0x10, 0, 0, 0x61, 0x62, 0x1b, 0, 0, 0x63];
  /** What a frame decodes to, the last bytes pushed by themselves; null where that throws. */
  const run = (frame: number[], last: number[]): string | null => {
    let decoder: FrameDecoder | null = null;
    try {
      decoder = factory();
      const text = String.fromCharCode(
        ...decoder.push(new Uint8Array([...header, ...frame]), true).flatMap((c) => [...c]),
      );
      decoder.push(new Uint8Array(last), true);
      return text;
    } catch {
      return null;
    } finally {
      decoder?.close();
    }
  };
  return run(blocks, CHECKSUM) === "abccc" && run(blocks, CHECKSUM.with(3, 0)) === null &&
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
      return { name: "native", create: native, maxWindowBytes: NATIVE_MAX_WINDOW_BYTES, checks: true };
    }
    if (choice === "native") {
      throw new UserError("this runtime has no native zstd decoder", { hint: 'use the decoder "auto" or "fzstd"' });
    }
  }
  return { name: "fzstd", create: createFzstdDecoder, maxWindowBytes: FZSTD_MAX_WINDOW_BYTES, checks: false };
}

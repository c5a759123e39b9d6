/**
 * zstd files (RFC 8878): walks frames and blocks, hands one frame at a time to a decoder, and checks the result.
 *
 * Neither decoder is safe alone: one stops silently after the first frame or at a truncation, the other tests no
 * checksums and ignores dictionaries. So all framing is judged here (magic, header, every block header, truncation,
 * trailing bytes, skippable frames, dictionaries, window size), a decoder sees only whole blocks, and the output is
 * held against the declared content size and the frame's XXH64. A frame may be of any length: memory is one window,
 * at most 128 MiB (fzstd: under 64), and one block. A frame written without a checksum can only be checked for structure and length.
 */
import xxhash from "xxhash-wasm";
import { FormatError } from "../errors.ts";
import type { ByteReader, ByteSource } from "./bytes.ts";
import { chooseZstdDecoder, type ChosenDecoder, type FrameDecoder, type ZstdDecoder } from "./zstd_decoders.ts";

const MAGIC = 0xfd2fb528;
const MAX_BLOCK_BYTES = 128 * 1024;

/** Magic numbers that a zstd file can start with: a frame, or a skippable frame. */
export function isZstdMagic(bytes: Uint8Array): boolean {
  if (bytes.length < 4) return false;
  const magic = readUint32(bytes, 0);
  return magic === MAGIC || isSkippable(magic);
}

export interface ZstdOptions {
  /** Name of the input in errors. */
  label: string;
  decoder?: ZstdDecoder;
  /** Called for every frame that carries no checksum. */
  onUncheckedFrame?: () => void;
}

interface FrameHeader {
  windowBytes: number;
  /** Of the window, what a decoder must hold. */
  neededBytes: number;
  contentBytes: number | null;
  checksum: boolean;
}

/** A frame that is being read. */
interface Frame {
  readonly header: FrameHeader;
  readonly decoder: FrameDecoder;
  /** For the checksum, where there is one that the decoder does not check. */
  readonly hash: Hash | null;
  /** Bytes decoded. */
  total: number;
  /** The block that is being decoded: its place and length in the compressed data. */
  block: { at: number; length: number } | null;
  /** Whether no block follows. */
  last: boolean;
}

interface Hash {
  update(bytes: Uint8Array): unknown;
  digest(): bigint;
}

/**
 * The decompressed bytes of a zstd file.
 * @throws FormatError (from `fill`) naming label and byte offset (of the compressed data) where the data is not right.
 */
export function readZstd(reader: ByteReader, options: ZstdOptions): ByteSource {
  const { label } = options;
  const chosen = chooseZstdDecoder(options.decoder ?? "auto");
  let frame: Frame | null = null;
  /** The decoder of the frame before: a new one is some 60 KB that only the garbage collector gives back. */
  let spare: FrameDecoder | null = null;
  let hashes: Awaited<ReturnType<typeof xxhash>> | null = null;
  let isFirst = true;

  /** Finds the next frame; null at the end. */
  async function openFrame(): Promise<Frame | null> {
    if (isFirst && (await reader.peek(1)).length === 0) throw wrong(label, 0, "the file is empty", "a zstd frame");
    for (;; isFirst = false) {
      const start = reader.offset;
      const head = await reader.peek(4);
      if (head.length === 0) return null;
      if (head.length < 4) {
        throw wrong(label, start, isFirst ? "not zstd data" : "truncated or trailing data", "a frame");
      }
      const magic = readUint32(head, 0);
      if (isSkippable(magic)) {
        await skipFrame(reader, label);
        continue;
      }
      if (magic !== MAGIC) {
        if (magic >= 0xfd2fb522 && magic <= 0xfd2fb527) {
          throw wrong(label, start, "zstd data in a format older than version 0.8", undefined, "compress it again");
        }
        throw wrong(
          label,
          start,
          isFirst ? "not zstd data" : "data after the last zstd frame",
          "a zstd frame or the end",
        );
      }
      isFirst = false;
      await reader.skip(4);
      const header = await readFrameHeader(reader, label, chosen);
      if (!header.checksum) options.onUncheckedFrame?.();
      const hash = chosen.checks || !header.checksum ? null : (hashes ??= await xxhash()).create64();
      const decoder = spare ?? chosen.create();
      spare = null;
      try {
        // The header by itself decodes to nothing.
        decoder.push(normalisedHeader(header.neededBytes, header.checksum && hash === null), false);
        decoder.pull(new Uint8Array(1));
      } catch (cause) {
        decoder.close();
        throw new FormatError("the zstd frame cannot be begun", { where: place(label, start), cause });
      }
      return { header, decoder, hash, total: 0, block: null, last: false };
    }
  }

  /** At least one byte of a frame; 0 where it is read and right. */
  async function decode(frame: Frame, target: Uint8Array): Promise<number> {
    while (frame.block !== null || !frame.last) {
      const block = frame.block ??= await openBlock(reader, label, frame);
      let count: number;
      try {
        count = frame.decoder.pull(target);
      } catch (cause) {
        throw corrupt(label, block.at, cause);
      }
      if (count < target.length) {
        await reader.skip(block.length);
        frame.block = null;
      }
      if (count === 0) continue;
      countBytes(label, frame, target.subarray(0, count), block.at);
      return count;
    }
    await checkFrame(reader, label, frame);
    return 0;
  }

  async function fill(target: Uint8Array): Promise<number> {
    while ((frame ??= await openFrame()) !== null) {
      const count = await decode(frame, target);
      if (count > 0) return count;
      if (chosen.reusable) spare = frame.decoder;
      else frame.decoder.close();
      frame = null;
    }
    return 0;
  }

  return {
    fill,
    close() {
      (frame?.decoder ?? spare)?.close();
      frame = spare = null;
    },
  };
}

/** Reads a block's header and hands the block to the decoder. It is consumed when everything in it has come out. */
async function openBlock(reader: ByteReader, label: string, frame: Frame): Promise<{ at: number; length: number }> {
  const { header, decoder } = frame;
  const maxBlock = Math.min(MAX_BLOCK_BYTES, Math.max(header.windowBytes, header.contentBytes ?? 0));
  const at = reader.offset;
  const peeked = await reader.peek(3);
  if (peeked.length < 3) throw truncated(label, at + peeked.length);
  const word = peeked[0] | (peeked[1] << 8) | (peeked[2] << 16);
  const type = (word >> 1) & 3;
  const size = word >> 3;
  if (type === 3) throw wrong(label, at, "reserved zstd block type", "a raw, RLE or compressed block");
  if (size > maxBlock) throw wrong(label, at, `zstd block of ${size} bytes`, `at most ${maxBlock}`);
  const length = 3 + (type === 1 ? 1 : size);
  const block = await reader.peek(length);
  if (block.length < length) throw truncated(label, at + block.length);
  frame.last = (word & 1) === 1;
  try {
    decoder.push(block, frame.last);
  } catch (cause) {
    throw corrupt(label, at, cause);
  }
  return { at, length };
}

function countBytes(label: string, frame: Frame, bytes: Uint8Array, at: number): void {
  frame.hash?.update(bytes);
  frame.total += bytes.length;
  const { contentBytes } = frame.header;
  if (contentBytes !== null && frame.total > contentBytes) {
    throw wrong(label, at, `a zstd frame holds more than ${contentBytes} bytes`, "the declared content size");
  }
}

/** Holds a frame that was read to its end against what it declares. */
async function checkFrame(reader: ByteReader, label: string, { header, decoder, hash, total }: Frame): Promise<void> {
  if (header.contentBytes !== null && total !== header.contentBytes) {
    throw wrong(label, reader.offset, `a zstd frame holds ${total} bytes`, `${header.contentBytes} as declared`);
  }
  if (!header.checksum) return;
  const at = reader.offset;
  const trailer = await reader.read(4);
  if (trailer.length < 4) throw truncated(label, at + trailer.length);
  if (!isChecksum(trailer, decoder, hash)) {
    throw wrong(label, at, "zstd checksum mismatch: the data is damaged", "the frame's XXH64");
  }
}

function isChecksum(trailer: Uint8Array, decoder: FrameDecoder, hash: Hash | null): boolean {
  if (hash) return readUint32(trailer, 0) === Number(hash.digest() & 0xffffffffn);
  try {
    decoder.push(trailer, true);
    decoder.pull(new Uint8Array(1));
    return true;
  } catch {
    return false;
  }
}

async function readFrameHeader(reader: ByteReader, label: string, decoder: ChosenDecoder): Promise<FrameHeader> {
  const at = reader.offset;
  const [descriptor] = await readExactly(reader, 1, label);
  if (descriptor & 8) throw wrong(label, at, "reserved bit set in a zstd frame header", "0");
  const singleSegment = (descriptor & 32) !== 0;
  let windowBytes = 0;
  if (!singleSegment) {
    const [window] = await readExactly(reader, 1, label);
    const base = 2 ** (10 + (window >> 3));
    windowBytes = base + (base / 8) * (window & 7);
  }
  const dictionary = await readExactly(reader, [0, 1, 2, 4][descriptor & 3], label);
  if (dictionary.some((byte) => byte !== 0)) {
    throw wrong(label, at, "the zstd frame needs a dictionary", "a frame without one", "compress without -D");
  }
  const sizeFlag = descriptor >> 6;
  const sizeBytes = sizeFlag === 0 ? (singleSegment ? 1 : 0) : 2 ** sizeFlag;
  const size = await readExactly(reader, sizeBytes, label);
  let contentBytes: number | null = null;
  if (sizeBytes > 0) {
    contentBytes = sizeBytes === 2 ? 256 : 0;
    for (let i = 0; i < sizeBytes; i++) contentBytes += size[i] * 2 ** (8 * i);
  }
  if (singleSegment) windowBytes = contentBytes ?? 0;
  // No match reaches further back than the content is long: a small file needs no large window.
  const neededBytes = Math.min(windowBytes, contentBytes ?? Infinity);
  if (neededBytes > decoder.maxWindowBytes) {
    throw wrong(
      label,
      at,
      `the zstd frame needs a window of ${Math.ceil(neededBytes / 2 ** 20)} MiB of memory`,
      `${decoder.name === "native" ? "at most" : "under"} ${Math.ceil(decoder.maxWindowBytes / 2 ** 20)} MiB`,
      decoder.name === "native"
        ? "compress it again with --long=27 or less"
        : "the fzstd decoder is in use; compress it again with --long=25 or less",
    );
  }
  return { windowBytes, neededBytes, contentBytes, checksum: (descriptor & 4) !== 0 };
}

/** Magic, a descriptor without any flag but the checksum's, and the smallest power-of-two window that is large enough. */
function normalisedHeader(windowBytes: number, checksum: boolean): Uint8Array {
  let log = 10;
  while (2 ** log < windowBytes) log++;
  return new Uint8Array([0x28, 0xb5, 0x2f, 0xfd, checksum ? 4 : 0, (log - 10) << 3]);
}

async function skipFrame(reader: ByteReader, label: string): Promise<void> {
  await reader.skip(4);
  const length = readUint32(await readExactly(reader, 4, label), 0);
  const skipped = await reader.skip(length);
  if (skipped < length) throw truncated(label, reader.offset);
}

async function readExactly(reader: ByteReader, count: number, label: string): Promise<Uint8Array> {
  const bytes = await reader.read(count);
  if (bytes.length < count) throw truncated(label, reader.offset);
  return bytes;
}

function isSkippable(magic: number): boolean {
  return magic >= 0x184d2a50 && magic <= 0x184d2a5f;
}

function readUint32(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}

function place(label: string, offset: number): string {
  return `${label}, byte ${offset}`;
}

function wrong(label: string, offset: number, what: string, expected?: string, hint?: string): FormatError {
  return new FormatError(what, { where: place(label, offset), expected, hint });
}

function corrupt(label: string, offset: number, cause: unknown): FormatError {
  return new FormatError("corrupt zstd block", { where: place(label, offset), cause });
}

function truncated(label: string, offset: number): FormatError {
  return wrong(label, offset, "the zstd data ends in the middle of a frame", "the rest of the frame");
}

/**
 * zstd files (RFC 8878): walks frames and blocks, hands one frame at a time to a decoder, and checks the result.
 *
 * Neither decoder is safe alone: one stops silently after the first frame or at a truncation, the other tests no
 * checksums and ignores dictionaries. So all framing is judged here (magic, header, every block header, truncation,
 * trailing bytes, skippable frames, dictionaries, window size), the decoder sees only whole blocks, and the output is
 * held against the declared content size and the frame's XXH64. A frame may be of any length: memory is one window,
 * at most 128 MiB (fzstd: under 64), and one block. A frame written without a checksum can only be checked for structure and length.
 */
import xxhash from "xxhash-wasm";
import { FormatError } from "../errors.ts";
import type { ByteReader } from "./bytes.ts";
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

/**
 * The decompressed bytes of a zstd file.
 * @throws FormatError naming label and byte offset (of the compressed data) where the data is not right.
 */
export async function* readZstd(reader: ByteReader, options: ZstdOptions): AsyncGenerator<Uint8Array> {
  const { label } = options;
  const decoder = chooseZstdDecoder(options.decoder ?? "auto");
  let hashes: Awaited<ReturnType<typeof xxhash>> | null = null;
  if ((await reader.peek(1)).length === 0) throw wrong(label, 0, "the file is empty", "a zstd frame");

  for (let first = true;; first = false) {
    const start = reader.offset;
    const head = await reader.peek(4);
    if (head.length === 0) return;
    if (head.length < 4) throw wrong(label, start, first ? "not zstd data" : "truncated or trailing data", "a frame");
    const magic = readUint32(head, 0);
    if (isSkippable(magic)) {
      await skipFrame(reader, label);
      continue;
    }
    if (magic !== MAGIC) {
      if (magic >= 0xfd2fb522 && magic <= 0xfd2fb527) {
        throw wrong(label, start, "zstd data in a format older than version 0.8", undefined, "compress it again");
      }
      throw wrong(label, start, first ? "not zstd data" : "data after the last zstd frame", "a zstd frame or the end");
    }
    await reader.skip(4);
    const header = await readFrameHeader(reader, label, decoder);
    if (!header.checksum) options.onUncheckedFrame?.();
    const frame = decoder.create();
    try {
      const hash = decoder.checks || !header.checksum ? null : (hashes ??= await xxhash()).create64();
      yield* decodeBlocks(reader, label, header, frame, hash);
    } finally {
      frame.close();
    }
  }
}

interface Hash {
  update(bytes: Uint8Array): unknown;
  digest(): bigint;
}

/** @param hash For the checksum, where there is one that the decoder does not check. */
async function* decodeBlocks(
  reader: ByteReader,
  label: string,
  header: FrameHeader,
  frame: FrameDecoder,
  hash: Hash | null,
): AsyncGenerator<Uint8Array> {
  const maxBlock = Math.min(MAX_BLOCK_BYTES, Math.max(header.windowBytes, header.contentBytes ?? 0));
  let pending: Uint8Array | null = normalisedHeader(header.neededBytes, header.checksum && hash === null);
  let total = 0;
  for (let last = false; !last;) {
    const at = reader.offset;
    const peeked = await reader.peek(3);
    if (peeked.length < 3) throw truncated(label, at + peeked.length);
    const word = peeked[0] | (peeked[1] << 8) | (peeked[2] << 16);
    last = (word & 1) === 1;
    const type = (word >> 1) & 3;
    const size = word >> 3;
    if (type === 3) throw wrong(label, at, "reserved zstd block type", "a raw, RLE or compressed block");
    if (size > maxBlock) throw wrong(label, at, `zstd block of ${size} bytes`, `at most ${maxBlock}`);
    const length = 3 + (type === 1 ? 1 : size);
    const block = await reader.peek(length);
    if (block.length < length) throw truncated(label, at + block.length);
    let chunks: Uint8Array[];
    try {
      // The header by itself decodes to nothing.
      if (pending) frame.push(pending, false);
      pending = null;
      chunks = frame.push(block, last);
    } catch (cause) {
      throw new FormatError("corrupt zstd block", { where: place(label, at), cause });
    }
    await reader.skip(length);
    for (const chunk of chunks) {
      hash?.update(chunk);
      total += chunk.length;
    }
    if (header.contentBytes !== null && total > header.contentBytes) {
      throw wrong(label, at, `a zstd frame holds more than ${header.contentBytes} bytes`, "the declared content size");
    }
    yield* chunks;
  }
  if (header.contentBytes !== null && total !== header.contentBytes) {
    throw wrong(label, reader.offset, `a zstd frame holds ${total} bytes`, `${header.contentBytes} as declared`);
  }
  if (header.checksum) {
    const at = reader.offset;
    const trailer = await reader.read(4);
    if (trailer.length < 4) throw truncated(label, at + trailer.length);
    if (!isChecksum(trailer, frame, hash)) {
      throw wrong(label, at, "zstd checksum mismatch: the data is damaged", "the frame's XXH64");
    }
  }
}

function isChecksum(trailer: Uint8Array, frame: FrameDecoder, hash: Hash | null): boolean {
  if (hash) return readUint32(trailer, 0) === Number(hash.digest() & 0xffffffffn);
  try {
    frame.push(trailer, true);
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

function truncated(label: string, offset: number): FormatError {
  return wrong(label, offset, "the zstd data ends in the middle of a frame", "the rest of the frame");
}

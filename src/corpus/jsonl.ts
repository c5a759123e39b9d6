/** JSON Lines, one object a line: cuts a stream into blocks of whole lines. What is in them is parsed in lines.ts. */
import { FormatError } from "../errors.ts";
import type { ByteReader } from "./bytes.ts";
import { countLines } from "./count_lines.ts";

/** Whole lines with their ends; the last line of a stream may have none. */
export interface Lines {
  /** In a buffer of their own. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** How many line ends there are in it. */
  readonly lines: number;
  /** Number of the first line, from 1. */
  readonly line: number;
  /** Place of the first byte in the stream. */
  readonly offset: number;
}

export interface JsonlOptions {
  /** Name of the file in errors. */
  label: string;
  /** Longest line, bytes. */
  maxLineBytes: number;
  /** Told of a line that is too long; where this returns, the line is left out. */
  onDamage: (error: FormatError) => void;
  /** Of a stream that is read from elsewhere than its start: where. */
  from?: { line: number; offset: number };
  /** Where buffers come from, and go to if no block is made of them; default: new ones. */
  buffers?: BlockBuffers;
}

/** Buffers that may have been filled before. */
export interface BlockBuffers {
  /** A buffer of at least so many bytes. */
  take(bytes: number): ArrayBuffer;
  giveBack(buffer: ArrayBuffer): void;
}

const newBuffers: BlockBuffers = { take: (bytes) => new ArrayBuffer(bytes), giveBack: () => {} };

const NEWLINE = 10;

/** The error for a line that is too long. */
export function lineTooLong(label: string, line: number, offset: number, maxLineBytes: number): FormatError {
  return new FormatError(`a line of more than ${maxLineBytes} bytes`, {
    where: `${label}:${line}, byte ${offset}`,
    hint: "is this a jsonl file, one document a line?",
  });
}

/** A block is made of so many bytes, and of more where they are one line. */
const BLOCK_BYTES = 1024 * 1024;

/**
 * The lines of a jsonl stream, in blocks of about a MiB. Memory: a block, or the longest line.
 * @throws what `onDamage` throws.
 */
export async function* readLines(reader: ByteReader, options: JsonlOptions): AsyncGenerator<Lines> {
  const { label, maxLineBytes, onDamage, buffers = newBuffers } = options;
  let { line, offset } = options.from ?? { line: 1, offset: reader.offset };
  let buffer = new Uint8Array(buffers.take(BLOCK_BYTES));
  let used = 0;
  /** How many bytes at its beginning were searched for a line end, without success. */
  let searched = 0;
  /** Bytes of a line that is too long, which are not kept. */
  let discarded = 0;

  /** Reads on until the bytes of a block are there, or, in a longer line, of one more. Says how many bytes there were. */
  const readOn = async (): Promise<number> => {
    if (used === buffer.length) {
      const grown = new Uint8Array(Math.min(2 * used, maxLineBytes + BLOCK_BYTES));
      grown.set(buffer);
      buffer = grown;
    }
    // What is behind a long line is better in the next block: no block is much longer than its longest line.
    const end = (Math.floor(used / BLOCK_BYTES) + 1) * BLOCK_BYTES;
    const count = await reader.fill(buffer.subarray(used, end));
    used += count;
    return count;
  };
  const blockOf = (bytes: Uint8Array<ArrayBuffer>): Lines => {
    const block = { bytes, lines: countLines(bytes), line, offset };
    line += block.lines;
    offset += bytes.length;
    return block;
  };
  /** Takes the first `end` bytes; what is behind them begins the next block. */
  const take = (end: number): Lines => {
    const block = blockOf(buffer.subarray(0, end));
    const rest = buffer.subarray(end, used);
    buffer = new Uint8Array(buffers.take(Math.max(BLOCK_BYTES, rest.length)));
    buffer.set(rest);
    used = rest.length;
    searched = 0;
    return block;
  };
  /** Takes what is left. There may be millions of small streams: a block of one must not keep a large buffer. */
  const takeLast = (): Lines => {
    const isSmall = used < buffer.length / 2;
    const block = blockOf(isSmall ? buffer.slice(0, used) : buffer.subarray(0, used));
    if (isSmall) buffers.giveBack(buffer.buffer);
    return block;
  };

  while (await readOn() > 0) {
    if (discarded > 0) {
      const lineEnd = buffer.subarray(0, used).indexOf(NEWLINE) + 1;
      if (lineEnd === 0) {
        discarded += used;
        used = 0;
        continue;
      }
      line++;
      offset += discarded + lineEnd;
      discarded = 0;
      buffer.copyWithin(0, lineEnd, used);
      used -= lineEnd;
    }
    if (used < BLOCK_BYTES) continue;
    const wholeLines = searched + buffer.subarray(searched, used).lastIndexOf(NEWLINE) + 1;
    if (wholeLines > searched) yield take(wholeLines);
    else searched = used;
    if (used <= maxLineBytes) continue;
    // No line ends in what is left.
    onDamage(lineTooLong(label, line, offset, maxLineBytes));
    discarded = used;
    used = 0;
    searched = 0;
  }
  if (used > 0) yield takeLast();
  else buffers.giveBack(buffer.buffer);
}

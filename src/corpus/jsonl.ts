/** JSON Lines, one object a line: cuts a stream into blocks of whole lines. What is in them is parsed in lines.ts. */
import { FormatError } from "../errors.ts";
import { type ByteReader, concatBytes } from "./bytes.ts";

/** Whole lines with their ends; the last line of a stream may have none. */
export interface Lines {
  readonly bytes: Uint8Array;
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
}

const NEWLINE = 10;

/** The error for a line that is too long. */
export function lineTooLong(label: string, line: number, offset: number, maxLineBytes: number): FormatError {
  return new FormatError(`a line of more than ${maxLineBytes} bytes`, {
    where: `${label}:${line}, byte ${offset}`,
    hint: "is this a jsonl file, one document a line?",
  });
}

/**
 * The lines of a jsonl stream, as many at a time as end in one chunk. Memory: the longest line, and a chunk.
 * @throws what `onDamage` throws.
 */
export async function* readLines(reader: ByteReader, options: JsonlOptions): AsyncGenerator<Lines> {
  let { line, offset } = options.from ?? { line: 1, offset: reader.offset };
  let parts: Uint8Array[] = [];
  let partBytes = 0;
  let discarding = false;

  const carry = (part: Uint8Array): void => {
    if (part.length === 0) return;
    partBytes += part.length;
    if (!discarding) parts.push(part);
    if (partBytes <= options.maxLineBytes || discarding) return;
    options.onDamage(lineTooLong(options.label, line, offset, options.maxLineBytes));
    parts = [];
    discarding = true;
  };
  const skipDiscarded = (bytes: number): void => {
    line++;
    offset += bytes;
    partBytes = 0;
    discarding = false;
  };
  const take = (end: Uint8Array): Lines => {
    const bytes = parts.length > 0 ? concatBytes([...parts, end]) : end;
    const lines = { bytes, line, offset };
    line += countNewlines(end);
    offset += bytes.length;
    parts = [];
    partBytes = 0;
    return lines;
  };

  for (let chunk = await reader.chunk(); chunk !== null; chunk = await reader.chunk()) {
    let from = 0;
    if (discarding) {
      const newline = chunk.indexOf(NEWLINE);
      if (newline < 0) {
        partBytes += chunk.length;
        continue;
      }
      from = newline + 1;
      skipDiscarded(partBytes + from);
    }
    const end = chunk.lastIndexOf(NEWLINE) + 1;
    if (end > from && parts.length > 0) {
      // The line that the chunks' border runs through goes by itself, so that the others need not be copied.
      const newline = chunk.indexOf(NEWLINE, from);
      yield take(chunk.subarray(from, newline + 1));
      from = newline + 1;
    }
    if (end > from) yield take(chunk.subarray(from, end));
    carry(chunk.subarray(Math.max(from, end)));
  }
  if (parts.length > 0) yield take(new Uint8Array(0));
}

function countNewlines(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) count++;
  return count;
}

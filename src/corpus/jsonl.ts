/**
 * JSON Lines: one object per line, its text under one key. Lines are split on bytes and parsed one by one.
 */
import { FormatError } from "../errors.ts";
import { type ByteReader, concatBytes } from "./bytes.ts";
import { normaliseLanguage } from "./languages.ts";
import { decodeText } from "./text.ts";

/** One line: the text and what the line says of it. */
export interface JsonlLine {
  /** From 1. */
  line: number;
  text: Uint8Array;
  /** Whether the line was not valid UTF-8, or its text held lone surrogates, and U+FFFD stands in those places. */
  undecodable: boolean;
  /** The fields `repo` and `path`, joined, where the line has a `path`. */
  path: string | null;
  /** The field `lang` or `language`. */
  language: string | null;
}

export interface JsonlOptions {
  /** Name of the file in errors. */
  label: string;
  /** Key of the text. */
  key: string;
  /** Longest line, bytes. */
  maxLineBytes: number;
  onBlankLine: () => void;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * The lines of a jsonl stream, as many at a time as came with one chunk.
 * @throws FormatError naming label, line and byte offset (of the uncompressed data).
 */
export async function* readJsonl(reader: ByteReader, options: JsonlOptions): AsyncGenerator<JsonlLine[]> {
  let line = 0;
  let lineStart = reader.offset;
  let parts: Uint8Array[] = [];
  let partBytes = 0;
  const take = (end: Uint8Array, into: JsonlLine[]): void => {
    line++;
    let bytes = end;
    if (parts.length > 0) {
      parts.push(end);
      bytes = concatBytes(parts);
      parts = [];
      partBytes = 0;
    }
    if (bytes.length > options.maxLineBytes) throw tooLong();
    const parsed = parseLine(bytes, line, lineStart, options);
    if (parsed === null) options.onBlankLine();
    else into.push(parsed);
    lineStart += bytes.length + 1;
  };
  const tooLong = (): FormatError =>
    new FormatError(`a line of more than ${options.maxLineBytes} bytes`, {
      where: `${options.label}:${Math.max(1, line)}, byte ${lineStart}`,
      hint: "is this a jsonl file, one document a line?",
    });

  for (let chunk = await reader.chunk(); chunk !== null; chunk = await reader.chunk()) {
    const lines: JsonlLine[] = [];
    let at = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, at)) {
      take(chunk.subarray(at, end), lines);
      at = end + 1;
    }
    if (at < chunk.length) {
      partBytes += chunk.length - at;
      parts.push(chunk.subarray(at));
      if (partBytes > options.maxLineBytes) {
        line++;
        throw tooLong();
      }
    }
    if (lines.length > 0) yield lines;
  }
  if (partBytes > 0) {
    const lines: JsonlLine[] = [];
    take(new Uint8Array(0), lines);
    yield lines;
  }
}

function parseLine(bytes: Uint8Array, line: number, offset: number, options: JsonlOptions): JsonlLine | null {
  if (bytes.every((byte) => byte === 32 || byte === 9 || byte === 13)) return null;
  const fail = (what: string, expected: string, hint?: string): FormatError =>
    new FormatError(what, { where: `${options.label}:${line}, byte ${offset}`, expected, hint });
  const decoded = decodeText(bytes);
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(decoded.text));
  } catch (error) {
    throw fail(`not JSON: ${error instanceof Error ? error.message : error}`, "one JSON object per line");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw fail("the line is not a JSON object", "one JSON object per line");
  }
  const fields = value as Record<string, unknown>;
  const text = Object.hasOwn(fields, options.key) ? fields[options.key] : undefined;
  if (typeof text !== "string") {
    const keys = Object.keys(fields).slice(0, 10).map((key) => `"${key.slice(0, 40)}"`).join(", ");
    const what = text === undefined ? `no key "${options.key}"` : `the key "${options.key}" holds no text`;
    throw fail(what, "a string", `the line has ${keys || "no keys"}; choose the key with --json_key`);
  }
  const own = (key: string): string | null => {
    const field = Object.hasOwn(fields, key) ? fields[key] : null;
    return typeof field === "string" && field !== "" ? field : null;
  };
  const path = own("path");
  const repository = own("repo");
  const language = own("lang") ?? own("language");
  return {
    line,
    text: encoder.encode(text),
    undecodable: decoded.undecodable || !text.isWellFormed(),
    path: path !== null && repository !== null ? `${repository}/${path}` : path,
    language: language === null ? null : normaliseLanguage(language),
  };
}

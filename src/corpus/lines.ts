/**
 * Parses blocks of jsonl lines: each line's text is unescaped from its bytes to one place, where it stays until the next line's comes.
 * A line that is not right is an error with its number and the place of the fault.
 */
import { FormatError } from "../errors.ts";
import type { LinesBlock } from "./block.ts";
import { documentNames, NAMING_FIELDS } from "./fields.ts";
import { createJsonMemory, type RoomSource } from "./json_memory.ts";
import { createJsonObjectReader } from "./json_object.ts";
import { lineTooLong } from "./jsonl.ts";
import { parseJson } from "../json.ts";
import { mendUtf8 } from "./text.ts";

/** One line: the text and what the line says of it. */
export interface JsonlLine {
  /** From 1. */
  line: number;
  /** Well-formed UTF-8, good during the call. */
  text: Uint8Array;
  /** Whether the text was not valid UTF-8 or held lone surrogates, and U+FFFD stands in those places. */
  undecodable: boolean;
  /** Path and language as the line has them; see `documentNames`. */
  path: string | null;
  language: string | null;
}

export interface LineParserOptions {
  /** Key of the text. */
  key: string;
  /** Longest line, bytes. */
  maxLineBytes: number;
  /** Told of a line that is not right; where this returns, the line is left out. */
  onDamage: (error: FormatError) => void;
  onBlankLine: () => void;
  /** Where texts are to be written; default: anywhere. */
  room?: RoomSource;
  /** `TypeScript` does without WebAssembly. */
  engine?: "best" | "TypeScript";
}

/** Calls back for every line of a block, in order. What is called back may make the memory of `room` grow. */
export type LineParser = (block: LinesBlock, onLine: (line: JsonlLine) => void) => void;

/** A place in the bytes and what is wrong there. */
interface Fault {
  what: string;
  at: number;
}

const decoder = new TextDecoder();

/** A parser for blocks; see `LineParserOptions`. */
export function createLineParser(
  { key, maxLineBytes, onDamage, onBlankLine, room, engine = "best" }: LineParserOptions,
): LineParser {
  const fault = new Error("not JSON");
  let found: Fault = { what: "", at: 0 };
  const memory = createJsonMemory(room, engine);
  const onFault = (what: string, at: number): Error => {
    found = { what, at };
    return fault;
  };
  const reader = createJsonObjectReader(key, NAMING_FIELDS, onFault, memory.copyText);

  return (block, onLine) => {
    const { label } = block;
    const { start: firstByte, end: behind, textStart, source, text, lineEnd } = memory.load(block.bytes);
    /** Place in the stream of an index of `bytes`. */
    const offsetOf = (at: number): number => block.offset + at - firstByte;
    let line = block.line - 1;
    for (let start = firstByte; start < behind;) {
      const bytes = source();
      const end = lineEnd(start);
      const from = startsWithBom(bytes, start, end) ? start + 3 : start;
      const offset = offsetOf(start);
      line++;
      const lineStart = start;
      start = end + 1;
      if (isBlank(bytes, from, end)) {
        onBlankLine();
        continue;
      }
      if (end - lineStart > maxLineBytes) {
        onDamage(lineTooLong(label, line, offset, maxLineBytes));
        continue;
      }
      const fail = (what: string, expected: string, at = lineStart, hint?: string): void =>
        onDamage(new FormatError(what, { where: `${label}:${line}, byte ${offsetOf(at)}`, expected, hint }));
      let fields;
      try {
        fields = reader.read(bytes, from, end, text(), textStart);
      } catch (error) {
        if (error !== fault) throw error;
        const notObject = found.what === "not a JSON object";
        const what = notObject ? "the line is not a JSON object" : `not JSON: ${found.what}`;
        fail(what, "one JSON object per line", found.at);
        continue;
      }
      if (fields.text !== "string") {
        const what = fields.text === "absent" ? `no key "${key}"` : `the key "${key}" holds no text`;
        const keys = keysOf(bytes.subarray(from, end));
        fail(what, "a string", lineStart, `the line has ${keys}; choose the key with --json_key`);
        continue;
      }
      const whole = text().subarray(textStart, textStart + fields.textBytes);
      const mended = fields.mayBeMalformed ? mendUtf8(whole) : null;
      const undecodable = fields.loneSurrogates || mended !== null;
      onLine({ line, text: mended ?? whole, undecodable, ...documentNames(fields.others) });
    }
  };
}

function isBlank(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] !== 32 && bytes[i] !== 9 && bytes[i] !== 13) return false;
  return true;
}

/** A byte order mark stands at the start of a file, and of a line where files were joined. */
function startsWithBom(bytes: Uint8Array, start: number, end: number): boolean {
  return end - start >= 3 && bytes[start] === 0xef && bytes[start + 1] === 0xbb && bytes[start + 2] === 0xbf;
}

/** The first keys of an object, for a message. */
function keysOf(bytes: Uint8Array): string {
  try {
    const value = parseJson(decoder.decode(bytes), "");
    const keys = value instanceof Map ? [...value.keys()] : [];
    return keys.slice(0, 10).map((key) => `"${key.slice(0, 40)}"`).join(", ") || "no keys";
  } catch {
    return "other keys";
  }
}

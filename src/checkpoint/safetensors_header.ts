/**
 * Checks the JSON header of a safetensors file: every tensor's name, type, shape and place.
 *
 * Format (https://huggingface.co/docs/safetensors): u64 little-endian header length, a JSON object name → {dtype, shape,
 * data_offsets: [begin, end] from the end of the header} with `__metadata__` (text → text) among the names, then the bytes of
 * the tensors, row-major, without gaps or overlaps. Everything that the rules forbid is refused: a header may come from anywhere.
 */

import { FormatError } from "../errors.ts";
import { reason } from "../files.ts";

/** Bytes of one element. */
export const dtypeBytes = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E5M2: 1,
  F8_E4M3: 1,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
} as const;

export type SafetensorsDtype = keyof typeof dtypeBytes;

/** Where a tensor lies. */
export interface TensorInfo {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /** From the start of the file. */
  readonly byteOffset: number;
  readonly byteLength: number;
}

export interface SafetensorsHeader {
  /** By name, in the header's order. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Parses a header.
 * @param json The header's bytes, which stand at byte 8 of the file.
 * @param fileBytes Size of the whole file.
 * @param path For messages.
 * @throws {FormatError} where any rule of the format is broken.
 */
export function parseSafetensorsHeader(json: Uint8Array, fileBytes: number, path: string): SafetensorsHeader {
  const fail = (what: string, expected?: string, cause?: unknown) =>
    new FormatError(what, { where: `${path}, header at byte 8`, expected, cause });
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(json);
    header = JSON.parse(text);
  } catch (cause) {
    throw fail(`the header is not JSON: ${reason(cause)}`, undefined, cause);
  }
  if (!isObject(header)) throw fail("the header is not a JSON object");
  const duplicate = findDuplicateKey(text);
  if (duplicate !== null) throw fail(`the name ${JSON.stringify(duplicate)} stands twice in one object of the header`);

  const dataStart = 8 + json.length;
  const dataBytes = fileBytes - dataStart;
  const tensors = new Map<string, TensorInfo>();
  const metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(header)) {
    if (name === "__metadata__") {
      if (!isObject(value)) throw fail("__metadata__ is not an object");
      for (const [key, entry] of Object.entries(value)) {
        if (typeof entry !== "string") throw fail(`__metadata__ entry ${JSON.stringify(key)} is not text`);
        Object.defineProperty(metadata, key, { value: entry, enumerable: true });
      }
      continue;
    }
    tensors.set(name, parseTensor(name, value, dataStart, dataBytes, fail));
  }
  requireNoGaps(tensors, dataStart, dataBytes, path);
  return { tensors, metadata };
}

type Fail = (what: string, expected?: string) => FormatError;

function parseTensor(name: string, value: unknown, dataStart: number, dataBytes: number, fail: Fail): TensorInfo {
  const tensor = `tensor ${JSON.stringify(name)}`;
  if (!isObject(value)) throw fail(`${tensor} is not described by an object`);
  const { dtype, shape, data_offsets: offsets, ...others } = value;
  if (typeof dtype !== "string" || !isDtype(dtype)) {
    throw fail(`${tensor} has dtype ${JSON.stringify(dtype)}`, `one of ${Object.keys(dtypeBytes).join(", ")}`);
  }
  if (!isSizes(shape)) throw fail(`${tensor} has shape ${JSON.stringify(shape)}`, "whole numbers from 0, under 2^53");
  if (!isSizes(offsets) || offsets.length !== 2) {
    throw fail(`${tensor} has data_offsets ${JSON.stringify(offsets)}`, "two whole numbers from 0");
  }
  const [surplus] = Object.keys(others);
  if (surplus !== undefined) {
    throw fail(`${tensor} has an entry ${JSON.stringify(surplus)}`, "dtype, shape, data_offsets");
  }
  const [begin, end] = offsets;
  if (begin > end || end > dataBytes) {
    throw fail(
      `${tensor} lies at ${begin} to ${end} of the data`,
      `a range within the file's ${dataBytes} bytes of data`,
    );
  }
  const elements = shape.includes(0) ? 0 : shape.reduce((product, size) => product * size, 1);
  if (elements * dtypeBytes[dtype] !== end - begin) {
    throw fail(
      `${tensor} has ${end - begin} bytes`,
      `${elements * dtypeBytes[dtype]} for shape [${shape}] of ${dtype}`,
    );
  }
  return { dtype, shape, byteOffset: dataStart + begin, byteLength: end - begin };
}

function requireNoGaps(tensors: Map<string, TensorInfo>, dataStart: number, dataBytes: number, path: string): void {
  const ordered = [...tensors].sort(([, a], [, b]) => a.byteOffset - b.byteOffset || a.byteLength - b.byteLength);
  let end = dataStart;
  for (const [name, { byteOffset, byteLength }] of ordered) {
    if (byteOffset !== end) {
      const what = byteOffset < end ? "overlaps the tensor before it" : `leaves a gap of ${byteOffset - end} bytes`;
      throw new FormatError(`tensor ${JSON.stringify(name)} ${what}`, {
        where: `${path}, byte ${byteOffset}`,
        expected: `its data at byte ${end}`,
      });
    }
    end += byteLength;
  }
  if (end !== dataStart + dataBytes) {
    throw new FormatError(`${dataStart + dataBytes - end} bytes belong to no tensor`, {
      where: `${path}, byte ${end}`,
      expected: "the end of the file",
    });
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isDtype(value: string): value is SafetensorsDtype {
  return Object.hasOwn(dtypeBytes, value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

/** A key that stands twice in one object of a valid JSON text, which JSON.parse would silently merge; null where there is none. */
function findDuplicateKey(json: string): string | null {
  const open: (Set<string> | null)[] = []; // the keys so far of each open object; null for an array
  for (let at = 0; at < json.length; at++) {
    const char = json[at];
    if (char === "{") open.push(new Set());
    else if (char === "[") open.push(null);
    else if (char === "}" || char === "]") open.pop();
    if (char !== '"') continue;
    const start = at;
    for (at++; json[at] !== '"'; at++) if (json[at] === "\\") at++;
    let next = at + 1;
    while (" \t\n\r".includes(json[next])) next++;
    if (json[next] !== ":") continue;
    const key: string = JSON.parse(json.slice(start, at + 1));
    const keys = open[open.length - 1];
    if (keys?.has(key)) return key;
    keys?.add(key);
  }
  return null;
}

/**
 * Checks the JSON header of a safetensors file: every tensor's name, type, shape and place.
 *
 * Format (https://huggingface.co/docs/safetensors): u64 little-endian header length, a JSON object name → {dtype, shape,
 * data_offsets: [begin, end] from the end of the header} with `__metadata__` (text → text) among the names, then the bytes of
 * the tensors, row-major, without gaps or overlaps. Everything that the rules forbid is refused: a header may come from anywhere.
 */

import { FormatError } from "../errors.ts";
import { type JsonValue, parseJson } from "../json.ts";

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
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(json);
  } catch (cause) {
    throw fail("the header is not UTF-8", undefined, cause);
  }
  const header = parseJson(text, `${path}, header at byte 8`);
  if (!(header instanceof Map)) throw fail("the header is not a JSON object");

  const dataStart = 8 + json.length;
  const dataBytes = fileBytes - dataStart;
  const tensors = new Map<string, TensorInfo>();
  const metadata: Record<string, string> = {};
  for (const [name, value] of header) {
    if (name === "__metadata__") {
      if (!(value instanceof Map)) throw fail("__metadata__ is not an object");
      for (const [key, entry] of value) {
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

const fields = ["dtype", "shape", "data_offsets"];

type Fail = (what: string, expected?: string) => FormatError;

function parseTensor(name: string, value: JsonValue, dataStart: number, dataBytes: number, fail: Fail): TensorInfo {
  const tensor = `tensor ${JSON.stringify(name)}`;
  if (!(value instanceof Map)) throw fail(`${tensor} is not described by an object`);
  const [dtype, shape, offsets] = fields.map((field) => value.get(field));
  if (typeof dtype !== "string" || !isDtype(dtype)) {
    throw fail(`${tensor} has dtype ${JSON.stringify(dtype)}`, `one of ${Object.keys(dtypeBytes).join(", ")}`);
  }
  if (!isSizes(shape)) throw fail(`${tensor} has shape ${JSON.stringify(shape)}`, "whole numbers from 0, under 2^53");
  if (!isSizes(offsets) || offsets.length !== 2) {
    throw fail(`${tensor} has data_offsets ${JSON.stringify(offsets)}`, "two whole numbers from 0");
  }
  const surplus = [...value.keys()].find((key) => !fields.includes(key));
  if (surplus !== undefined) throw fail(`${tensor} has an entry ${JSON.stringify(surplus)}`, fields.join(", "));
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

function isDtype(value: string): value is SafetensorsDtype {
  return Object.hasOwn(dtypeBytes, value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => typeof n === "number" && Number.isSafeInteger(n) && n >= 0);
}

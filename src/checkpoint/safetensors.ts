/**
 * Reads and writes safetensors files (the format is told in safetensors_header.ts). Only the header is read at once; tensors come from the
 * file when they are asked for, whole or in ranges, as float32. Files are written from a stream and renamed when complete.
 */

import { CodekilnError, FormatError } from "../errors.ts";
import { openRandomAccess, partialName, type RandomAccessFile, reason, removeIfPresent, writeFully } from "../files.ts";
import { dtypeBytes, parseSafetensorsHeader, type SafetensorsHeader, type TensorInfo } from "./safetensors_header.ts";

export type { SafetensorsDtype, SafetensorsHeader, TensorInfo } from "./safetensors_header.ts";

/** An open safetensors file. Close it, or declare it with `using`. */
export interface SafetensorsFile extends Disposable {
  readonly path: string;
  readonly header: SafetensorsHeader;
  /**
   * A tensor's elements, row-major. F16 and BF16 are widened.
   * @throws {FormatError} where there is no such tensor or its type is none of F32, F16, BF16.
   */
  read(name: string): Float32Array<ArrayBuffer>;
  /** Fills `out` with the tensor's elements from `firstElement` on; for tensors too large to be held twice. */
  readInto(name: string, out: Float32Array, firstElement?: number): void;
  close(): void;
}

/** A tensor to write. The data, all chunks together, have as many elements as the shape says. */
export interface TensorToWrite {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: "F32";
  readonly data: Float32Array | Iterable<Float32Array> | AsyncIterable<Float32Array>;
}

const maxHeaderBytes = 100_000_000;
const chunkElements = 1 << 20;

/**
 * Opens a safetensors file and checks its header.
 * @throws {UserError} where there is no such file.
 * @throws {FormatError} where it is truncated or breaks a rule of the format.
 */
export function readSafetensors(path: string): SafetensorsFile {
  const file = openRandomAccess(path, "safetensors file");
  try {
    return safetensorsFile(file, readHeader(file));
  } catch (error) {
    file.close();
    throw error;
  }
}

function readHeader(file: RandomAccessFile): SafetensorsHeader {
  const { path, size } = file;
  if (size < 8) {
    throw new FormatError(`the file has ${size} bytes`, { where: path, expected: "a header length of 8 bytes" });
  }
  const prefix = new Uint8Array(8);
  file.readExactly(prefix, 0);
  const length = new DataView(prefix.buffer).getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes)) {
    throw new FormatError(`not a safetensors file: its header would have ${length} bytes`, {
      where: `${path}, byte 0`,
      expected: `at most ${maxHeaderBytes}`,
    });
  }
  if (8 + Number(length) > size) {
    throw new FormatError(`the header of ${length} bytes is cut off`, {
      where: `${path}, byte ${size}`,
      expected: `at least ${8n + length} bytes in the file`,
    });
  }
  const json = new Uint8Array(Number(length));
  file.readExactly(json, 8);
  return parseSafetensorsHeader(json, size, path);
}

function safetensorsFile(file: RandomAccessFile, header: SafetensorsHeader): SafetensorsFile {
  const find = (name: string): TensorInfo => {
    const info = header.tensors.get(name);
    if (info !== undefined) return info;
    throw new FormatError(`there is no tensor ${JSON.stringify(name)}`, { where: file.path });
  };
  const readInto = (name: string, out: Float32Array, firstElement = 0) => {
    const { dtype, shape, byteOffset, byteLength } = find(name);
    if (dtype !== "F32" && dtype !== "F16" && dtype !== "BF16") {
      throw new FormatError(`tensor ${JSON.stringify(name)} is of type ${dtype}`, {
        where: `${file.path}, byte ${byteOffset}`,
        expected: "F32, F16 or BF16",
      });
    }
    const size = dtype === "F32" ? 4 : 2;
    if (!(firstElement >= 0 && firstElement + out.length <= byteLength / size)) {
      throw new RangeError(`elements ${firstElement} to ${firstElement + out.length} of ${name} with shape [${shape}]`);
    }
    const start = byteOffset + firstElement * size;
    if (dtype === "F32") {
      file.readExactly(new Uint8Array(out.buffer, out.byteOffset, out.byteLength), start);
      return;
    }
    const chunk = new Uint16Array(Math.min(chunkElements, out.length));
    for (let at = 0; at < out.length; at += chunk.length) {
      const halves = chunk.subarray(0, Math.min(chunk.length, out.length - at));
      file.readExactly(new Uint8Array(halves.buffer, 0, halves.byteLength), start + at * 2);
      if (dtype === "F16") out.set(new Float16Array(halves.buffer, 0, halves.length), at);
      else widenBf16(halves, out.subarray(at));
    }
  };
  return {
    path: file.path,
    header,
    readInto,
    read(name) {
      const { dtype, byteLength } = find(name);
      const out = new Float32Array(byteLength / dtypeBytes[dtype]);
      readInto(name, out);
      return out;
    },
    close: file.close,
    [Symbol.dispose]: file.close,
  };
}

/** A bfloat16 is the upper half of a float32. */
function widenBf16(halves: Uint16Array, out: Float32Array): void {
  const bits = new Uint32Array(out.buffer, out.byteOffset, halves.length);
  for (let i = 0; i < halves.length; i++) bits[i] = halves[i] << 16;
}

/**
 * Writes a safetensors file, its tensors in the order given; the header is padded so that the data start at a multiple of 8 bytes.
 * Until it is complete and on disk it bears a `.partial` name; on failure it is removed and an older file of the final name stays.
 * @param tensors Their data are read one after the other, chunk by chunk.
 * @throws {CodekilnError} where a name stands twice, the data do not fill the shape, or the file cannot be written.
 */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<TensorToWrite>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const list = [...tensors];
  const header = encodeHeader(list, metadata, path);
  const partial = partialName(path);
  let file: Deno.FsFile | undefined;
  try {
    file = Deno.openSync(partial, { create: true, write: true, truncate: true });
    writeFully(file, header, partial);
    for (const { name, shape, data } of list) {
      const expected = shape.reduce((product, size) => product * size, 1);
      let count = 0;
      for await (const chunk of data instanceof Float32Array ? [data] : data) {
        count += chunk.length;
        if (count > expected) break;
        writeFully(file, new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength), partial);
      }
      if (count !== expected) {
        throw new CodekilnError(
          `tensor ${name} has ${count > expected ? "more than " : ""}${Math.min(count, expected)} elements`,
          {
            where: path,
            expected: `${expected} for shape [${shape}]`,
          },
        );
      }
    }
    await file.sync();
    file.close();
    file = undefined;
    Deno.renameSync(partial, path);
  } catch (error) {
    file?.close();
    removeIfPresent(partial);
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied) {
      throw new CodekilnError(`cannot write the file: ${reason(error)}`, { where: path, cause: error });
    }
    throw error;
  }
}

/** Header length and header, padded with spaces to a multiple of 8 bytes. */
function encodeHeader(
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>>,
  path: string,
): Uint8Array {
  const entries: string[] = [];
  if (Object.keys(metadata).length > 0) entries.push(`"__metadata__":${JSON.stringify(metadata)}`);
  const names = new Set(["__metadata__"]);
  let begin = 0;
  for (const { name, shape, dtype } of tensors) {
    if (names.has(name)) throw new CodekilnError(`two tensors are named ${JSON.stringify(name)}`, { where: path });
    names.add(name);
    const elements = shape.reduce((product, size) => product * size, 1);
    if (
      !shape.every((size) => Number.isSafeInteger(size) && size >= 0) || !Number.isSafeInteger(begin + elements * 4)
    ) {
      throw new CodekilnError(`tensor ${JSON.stringify(name)} has shape [${shape}]`, {
        where: path,
        expected: "whole numbers from 0, under 2^53 bytes in all",
      });
    }
    const end = begin + elements * 4;
    entries.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`);
    begin = end;
  }
  const json = new TextEncoder().encode(`{${entries.join(",")}}`);
  const padded = Math.ceil(json.length / 8) * 8;
  const header = new Uint8Array(8 + padded).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true);
  header.set(json, 8);
  return header;
}

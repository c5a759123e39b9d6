/**
 * The header of numpy's .npy format, for arrays of one dimension.
 *
 * Magic `\x93NUMPY`, version, header length (u16 in version 1, u32 in 2 and 3), then a Python dict literal padded with spaces
 * to a multiple of 64 bytes. Format: NEP 1 and numpy.lib.format. Written headers are byte for byte numpy's own (numpy 1.23 and
 * later, which leave room for a longer shape), so every one of them has the same 128 bytes and can be patched in place.
 */

import { FormatError } from "../errors.ts";

/** The element types of token files: 16 bit unsigned, 32 and 64 bit signed, all little-endian. */
export type NpyDtype = "<u2" | "<i4" | "<i8";

/** What a .npy header says. */
export interface NpyHeader {
  readonly dtype: NpyDtype;
  /** Number of elements. */
  readonly length: number;
  /** Byte offset of the first element from the start of the header. */
  readonly dataOffset: number;
}

/** Bytes of every header that `encodeNpyHeader` writes. */
export const npyHeaderBytes = 128;

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const maxHeaderBytes = 1 << 16;
/** numpy leaves room for a first dimension of this many digits. */
const growthDigits = 21;

/** Bytes of one element. */
export function itemBytes(dtype: NpyDtype): number {
  return { "<u2": 2, "<i4": 4, "<i8": 8 }[dtype];
}

/** A version 1 header of 128 bytes for a one-dimensional array. */
export function encodeNpyHeader(dtype: NpyDtype, length: number): Uint8Array {
  const growth = " ".repeat(growthDigits - String(length).length);
  const dict = `{'descr': '${dtype}', 'fortran_order': False, 'shape': (${length},), }${growth}`;
  const header = new Uint8Array(npyHeaderBytes).fill(0x20);
  header.set(magic);
  header.set([1, 0, npyHeaderBytes - 10, 0], 6);
  header.set(new TextEncoder().encode(dict), 10);
  header[npyHeaderBytes - 1] = 0x0a;
  return header;
}

/**
 * Reads and checks a header.
 * @param bytes The start of the array's file, as much of it as there is, up to a few KiB; more is asked for by `read`.
 * @param read Gives `count` bytes from the array's first byte on, or fewer where it ends.
 * @param where The file, for messages.
 * @param base Byte offset of the array in that file, for messages.
 * @throws {FormatError} where it is not such a header, or the array is none of the three types or not one-dimensional.
 */
export function readNpyHeader(read: (count: number) => Uint8Array, where: string, base = 0): NpyHeader {
  const fail = (what: string, offset: number, expected?: string, hint?: string) =>
    new FormatError(what, { where: `${where}, byte ${base + offset}`, expected, hint });

  const start = read(12);
  if (start.length < 10) throw fail("too short for a .npy header", start.length, "at least 10 bytes");
  if (magic.some((byte, i) => start[i] !== byte)) throw fail("not a .npy array", 0, "the bytes \\x93NUMPY");
  const [major, minor] = [start[6], start[7]];
  if (major < 1 || major > 3 || minor !== 0) throw fail(`.npy version ${major}.${minor}`, 6, "1.0, 2.0 or 3.0");
  const prefix = major === 1 ? 10 : 12;
  if (start.length < prefix) throw fail("the .npy header ends early", start.length, `${prefix} bytes`);
  const view = new DataView(start.buffer, start.byteOffset);
  const textLength = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (textLength > maxHeaderBytes) {
    throw fail(`a .npy header of ${textLength} bytes`, 8, `at most ${maxHeaderBytes}`);
  }
  const whole = read(prefix + textLength);
  if (whole.length < prefix + textLength) {
    throw fail("the .npy header ends early", whole.length, `${prefix + textLength} bytes`);
  }

  const text = new TextDecoder(major === 3 ? "utf-8" : "latin1").decode(whole.subarray(prefix));
  const dict = parseDict(text);
  if (dict === null) throw fail("the .npy header is not a dict of descr, fortran_order and shape", prefix);
  if (dict.fortranOrder) throw fail("the array is in Fortran order", prefix, "'fortran_order': False");
  if (dict.shape.length !== 1) throw fail(`the array has ${dict.shape.length} dimensions`, prefix, "1");
  const [length] = dict.shape;
  if (!Number.isSafeInteger(length)) throw fail(`the array says it has ${length} elements`, prefix, "under 2^53");
  const { descr } = dict;
  if (descr !== "<u2" && descr !== "<i4" && descr !== "<i8") {
    const hint = descr.startsWith(">")
      ? "save it in little-endian order: array.astype(array.dtype.newbyteorder('<'))"
      : undefined;
    throw fail(`the array's type is '${descr}'`, prefix, "'<u2', '<i4' or '<i8'", hint);
  }
  return { dtype: descr, length, dataOffset: prefix + textLength };
}

/** The three entries of the header's dict in any order, each exactly once; null where the text is anything else. */
function parseDict(text: string): { descr: string; fortranOrder: boolean; shape: number[] } | null {
  const body = /^\s*\{(.*)\}\s*$/s.exec(text)?.[1];
  if (body === undefined) return null;
  const entry =
    /\s*(['"])(descr|fortran_order|shape)\1\s*:\s*(?:(['"])([^'"\\]*)\3|(True|False)|\(([^()]*)\))\s*(,|$)/y;
  let descr: string | undefined;
  let fortranOrder: boolean | undefined;
  let shape: number[] | undefined;
  let at = 0;
  while (body.slice(at).trim() !== "") {
    entry.lastIndex = at;
    const match = entry.exec(body);
    if (match === null) return null;
    at = entry.lastIndex;
    const [, , key, , string, bool, tuple] = match;
    if (key === "descr" && string !== undefined && descr === undefined) descr = string;
    else if (key === "fortran_order" && bool !== undefined && fortranOrder === undefined) {
      fortranOrder = bool === "True";
    } else if (key === "shape" && tuple !== undefined && shape === undefined) {
      // A tuple of one has a comma after it. Python 2 wrote long integers as 5L.
      if (!/^\s*(\d+L?\s*,\s*)*(\d+L?)?\s*$/.test(tuple) || /^\s*\d+L?\s*$/.test(tuple)) return null;
      shape = tuple.split(",").map((n) => n.trim()).filter((n) => n !== "").map((n) => Number(n.replace("L", "")));
    } else return null;
  }
  if (descr === undefined || fortranOrder === undefined || shape === undefined) return null;
  return { descr, fortranOrder, shape };
}

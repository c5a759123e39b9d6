/**
 * Reads .npz files: zips whose members are stored (`numpy.savez`) or deflated (`numpy.savez_compressed`) .npy arrays, zip64 included.
 *
 * The directory at the end of the file says where the members are. A member's bytes are streamed, never held whole, and its length
 * and CRC-32 are checked at its end: what reads through to the end is right.
 */

import { crc32 } from "node:zlib";
import { FormatError } from "../errors.ts";
import { type RandomAccessFile, reason } from "../files.ts";
import { itemBytes, type NpyHeader, readNpyHeader } from "./npy.ts";

/** A member as the central directory describes it. */
export interface NpzMember {
  readonly name: string;
  readonly deflated: boolean;
  readonly compressedBytes: number;
  readonly bytes: number;
  readonly crc32: number;
  /** Byte offset of its data in the file. */
  readonly dataOffset: number;
}

const chunkBytes = 1 << 20;
const maxDirectoryBytes = 1 << 24;

/**
 * The members by name.
 * @throws {FormatError} where the file is not a zip, or its records contradict each other or reach outside the file.
 */
export function readNpzDirectory(file: RandomAccessFile): Map<string, NpzMember> {
  const fail = (what: string, offset: number, expected?: string) =>
    new FormatError(what, { where: `${file.path}, byte ${offset}`, expected });
  const end = findEnd(file, fail);
  if (end.directoryBytes > maxDirectoryBytes || end.directoryOffset + end.directoryBytes > end.recordOffset) {
    throw fail(
      `a zip directory of ${end.directoryBytes} bytes at byte ${end.directoryOffset}`,
      end.recordOffset,
      `one that ends before byte ${end.recordOffset}`,
    );
  }
  const directory = new Uint8Array(end.directoryBytes);
  file.readExactly(directory, end.directoryOffset);
  const view = new DataView(directory.buffer);
  const members = new Map<string, NpzMember>();
  let at = 0;
  for (let i = 0; i < end.entries; i++) {
    const where = end.directoryOffset + at;
    if (at + 46 > directory.length || view.getUint32(at, true) !== 0x02014b50) {
      throw fail(`no zip directory entry ${i + 1} of ${end.entries}`, where);
    }
    const nameBytes = view.getUint16(at + 28, true);
    const extraBytes = view.getUint16(at + 30, true);
    const next = at + 46 + nameBytes + extraBytes + view.getUint16(at + 32, true);
    if (next > directory.length) throw fail("a zip directory entry is cut off", where);
    const name = new TextDecoder().decode(directory.subarray(at + 46, at + 46 + nameBytes));
    if (members.has(name)) throw fail(`two members are named ${name}`, where);
    const flags = view.getUint16(at + 8, true);
    const method = view.getUint16(at + 10, true);
    if ((flags & 1) !== 0) throw fail(`${name} is encrypted`, where);
    if (method !== 0 && method !== 8) {
      throw fail(`${name} uses compression method ${method}`, where, "stored or deflated");
    }
    const [bytes, compressedBytes, offset] = sizes(view, at, at + 46 + nameBytes, extraBytes, name, where, fail);
    if (method === 0 && bytes !== compressedBytes) throw fail(`${name} is stored but has two sizes`, where);

    if (offset + 30 > end.directoryOffset) throw fail(`${name} would start at byte ${offset}`, where);
    const local = new Uint8Array(30);
    file.readExactly(local, offset);
    const localView = new DataView(local.buffer);
    if (localView.getUint32(0, true) !== 0x04034b50) throw fail(`${name} has no local header`, offset);
    const dataOffset = offset + 30 + localView.getUint16(26, true) + localView.getUint16(28, true);
    if (dataOffset + compressedBytes > end.directoryOffset) {
      throw fail(`${name} reaches ${compressedBytes} bytes from byte ${dataOffset} into the directory`, where);
    }
    const crc = view.getUint32(at + 16, true);
    members.set(name, { name, deflated: method === 8, compressedBytes, bytes, crc32: crc, dataOffset });
    at = next;
  }
  return members;
}

type Fail = (what: string, offset: number, expected?: string) => FormatError;

function findEnd(file: RandomAccessFile, fail: Fail) {
  const tail = new Uint8Array(Math.min(file.size, 22 + 0xffff));
  const tailOffset = file.size - tail.length;
  file.readExactly(tail, tailOffset);
  const view = new DataView(tail.buffer);
  let at = tail.length - 22;
  while (
    at >= 0 && !(view.getUint32(at, true) === 0x06054b50 && at + 22 + view.getUint16(at + 20, true) === tail.length)
  ) at--;
  if (at < 0) throw fail("not a .npz file, or cut off: no zip end record", file.size);
  let recordOffset = tailOffset + at;
  let entries = view.getUint16(at + 10, true);
  let directoryBytes = view.getUint32(at + 12, true);
  let directoryOffset = view.getUint32(at + 16, true);
  if (at >= 20 && view.getUint32(at - 20, true) === 0x07064b50) {
    const zip64Offset = exact(view.getBigUint64(at - 12, true));
    if (!(zip64Offset + 56 <= recordOffset - 20)) throw fail("the zip64 end record is out of place", recordOffset - 20);
    const record = new Uint8Array(56);
    file.readExactly(record, zip64Offset);
    const zip64 = new DataView(record.buffer);
    if (zip64.getUint32(0, true) !== 0x06064b50) throw fail("no zip64 end record", zip64Offset);
    recordOffset = zip64Offset;
    entries = exact(zip64.getBigUint64(32, true));
    directoryBytes = exact(zip64.getBigUint64(40, true));
    directoryOffset = exact(zip64.getBigUint64(48, true));
  }
  return { recordOffset, entries, directoryBytes, directoryOffset };
}

/** Size, compressed size and offset of an entry, from its 32 bit fields or its zip64 extra field. */
function sizes(
  view: DataView,
  at: number,
  extraAt: number,
  extraBytes: number,
  name: string,
  where: number,
  fail: Fail,
): [number, number, number] {
  const values = [view.getUint32(at + 24, true), view.getUint32(at + 20, true), view.getUint32(at + 42, true)];
  if (!values.includes(0xffffffff)) return [values[0], values[1], values[2]];
  const extraEnd = extraAt + extraBytes;
  for (let e = extraAt; e + 4 <= extraEnd;) {
    const fieldEnd = e + 4 + view.getUint16(e + 2, true);
    if (view.getUint16(e, true) === 1) {
      let field = e + 4;
      for (let i = 0; i < 3; i++) {
        if (values[i] !== 0xffffffff) continue;
        if (field + 8 > Math.min(fieldEnd, extraEnd)) throw fail(`the zip64 field of ${name} is too short`, where);
        values[i] = exact(view.getBigUint64(field, true));
        field += 8;
      }
      return [values[0], values[1], values[2]];
    }
    e = fieldEnd;
  }
  throw fail(`${name} has no zip64 field`, where);
}

/** Infinity where a number cannot be exact: every bounds check then fails. */
function exact(value: bigint): number {
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? Infinity : Number(value);
}

/** A member's bytes in order. Throws at the end where length or CRC-32 differ from the directory's. */
export async function* readMember(file: RandomAccessFile, member: NpzMember): AsyncGenerator<Uint8Array> {
  const where = `${file.path}, byte ${member.dataOffset} (${member.name})`;
  let count = 0;
  let crc = 0;
  const chunks = member.deflated ? inflate(file, member, where) : stored(file, member);
  for await (const chunk of chunks) {
    count += chunk.length;
    if (count > member.bytes) break;
    crc = crc32(chunk, crc);
    yield chunk;
  }
  if (count !== member.bytes) {
    throw new FormatError(
      `the data inflate to ${count > member.bytes ? "more" : "fewer"} bytes than the directory says`,
      {
        where,
        expected: `${member.bytes} bytes`,
      },
    );
  }
  if (crc !== member.crc32) throw new FormatError("the checksum is wrong: the data are damaged", { where });
}

function* stored(file: RandomAccessFile, member: NpzMember): Generator<Uint8Array<ArrayBuffer>> {
  for (let at = 0; at < member.compressedBytes; at += chunkBytes) {
    const chunk = new Uint8Array(Math.min(chunkBytes, member.compressedBytes - at));
    file.readExactly(chunk, member.dataOffset + at);
    yield chunk;
  }
}

async function* inflate(file: RandomAccessFile, member: NpzMember, where: string): AsyncGenerator<Uint8Array> {
  const inflated = ReadableStream.from(stored(file, member)).pipeThrough(new DecompressionStream("deflate-raw"));
  const reader = inflated.getReader();
  try {
    while (true) {
      const { value, done } = await reader.read().catch((cause: unknown) => {
        if (cause instanceof FormatError) throw cause;
        throw new FormatError(`the compressed data are damaged: ${reason(cause)}`, { where, cause });
      });
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {}); // It has ended or failed, which was reported above.
  }
}

/** The header of the .npy array that a member holds, read without the rest of it. */
export async function readMemberHeader(file: RandomAccessFile, member: NpzMember): Promise<NpyHeader> {
  let start = new Uint8Array(0);
  const wanted = Math.min(member.bytes, 1 << 17);
  for await (const chunk of readMember(file, member)) {
    const joined = new Uint8Array(Math.min(wanted, start.length + chunk.length));
    joined.set(start);
    joined.set(chunk.subarray(0, joined.length - start.length), start.length);
    start = joined;
    if (start.length >= wanted) break;
  }
  const where = `${file.path} (${member.name})`;
  const header = readNpyHeader((count) => start.subarray(0, count), where);
  const expected = header.dataOffset + header.length * itemBytes(header.dtype);
  if (member.bytes !== expected) {
    throw new FormatError(`the member has ${member.bytes} bytes`, {
      where,
      expected: `${expected} for ${header.length} elements of type ${header.dtype}`,
    });
  }
  return header;
}

/** The elements of the array that a member holds, in order, in pieces of any length. */
export async function* readMemberIntegers(
  file: RandomAccessFile,
  member: NpzMember,
  header: NpyHeader,
): AsyncGenerator<Int32Array | Float64Array> {
  const size = itemBytes(header.dtype);
  let skip = header.dataOffset;
  let rest = new Uint8Array(0);
  for await (const chunk of readMember(file, member)) {
    const skipped = Math.min(skip, chunk.length);
    skip -= skipped;
    const bytes = new Uint8Array(rest.length + chunk.length - skipped);
    bytes.set(rest);
    bytes.set(chunk.subarray(skipped), rest.length);
    const count = Math.floor(bytes.length / size);
    rest = bytes.slice(count * size);
    if (count === 0) continue;
    if (size === 4) yield new Int32Array(bytes.buffer, 0, count);
    else yield widen(new Int32Array(bytes.buffer, 0, 2 * count));
  }
}

/** 64 bit integers from their halves, without a BigInt each; beyond 2^53 they are rounded. */
function widen(halves: Int32Array): Float64Array {
  const values = new Float64Array(halves.length / 2);
  for (let i = 0; i < values.length; i++) values[i] = (halves[2 * i] >>> 0) + halves[2 * i + 1] * 2 ** 32;
  return values;
}

/**
 * zip archives (PKWARE APPNOTE 6.3), read from the central directory with random access: stored and deflated members,
 * zip64. The central directory is read in pieces, so an archive of millions of members needs no more memory than a
 * small one. Declared sizes and CRC-32 are checked against what comes out; a member never yields more than it declares.
 */
import { crc32 } from "node:zlib";
import { CodekilnError, FormatError } from "../errors.ts";
import { type ByteStream, createByteReader } from "./bytes.ts";
import { createInflater, type Inflater, inflateThroughStream } from "./inflate.ts";

/** Bytes that can be read at any place: a file, or an archive held in memory. */
export interface RandomAccess {
  readonly size: number;
  /** `length` bytes from `offset`, fewer at the end. */
  readAt(offset: number, length: number): Promise<Uint8Array>;
}

export interface ZipMember {
  name: string;
  directory: boolean;
  link: boolean;
  /** Uncompressed bytes, as declared. */
  size: number;
  /** The contents, checked; throws FormatError. Need not be read. */
  contents(): ByteStream;
  /** Holds the name against that in the member's own header: a damaged name must not get a member passed over. */
  checkName(): Promise<void>;
}

interface Directory {
  count: number;
  offset: number;
  size: number;
  /** Bytes in front of the archive proper, such as a self-extractor. */
  prefix: number;
}

const CHUNK_BYTES = 256 * 1024;
const MIN_WINDOW_BYTES = 4096;
const decoder = new TextDecoder("utf-8", { fatal: true });
const latin1 = new TextDecoder("latin1");

export function isZipMagic(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && bytes[0] === 0x50 && bytes[1] === 0x4b &&
    ((bytes[2] === 3 && bytes[3] === 4) || (bytes[2] === 5 && bytes[3] === 6));
}

/**
 * The members of a zip archive, in the order of its central directory.
 * @param label Name of the archive in errors.
 * @param openInflater Gives what decodes a member; null: a stream does.
 * @throws FormatError naming label and byte offset.
 */
export async function* readZip(
  source: RandomAccess,
  label: string,
  openInflater: () => Inflater | null = () => createInflater("raw"),
): AsyncGenerator<ZipMember> {
  const fail = failures(label);
  const directory = await findDirectory(source, label);
  using inflaters = createInflaters(openInflater);
  const archive = { source: windowOf(source), label, inflaters };
  const start = directory.offset + directory.prefix;
  const reader = createByteReader(range(source, start, directory.size));
  let claimed = 0;
  for (let i = 0; i < directory.count; i++) {
    const at = start + reader.offset;
    const fixed = await reader.read(46);
    if (fixed.length < 46) throw fail(`the zip directory ends after ${i} members`, at, `${directory.count}`);
    const view = viewOf(fixed);
    if (view.getUint32(0, true) !== 0x02014b50) throw fail("damaged zip directory", at, "a member's entry");
    const nameLength = view.getUint16(28, true);
    const extraLength = view.getUint16(30, true);
    const commentLength = view.getUint16(32, true);
    const rest = await reader.read(nameLength + extraLength + commentLength);
    if (rest.length < nameLength + extraLength + commentLength) throw fail("the zip directory is cut off", at);
    const name = decodeName(rest.subarray(0, nameLength));
    const sizes = memberSizes(view, rest.subarray(nameLength, nameLength + extraLength));
    if (sizes === null) throw fail(`damaged zip64 field of ${name}`, at);
    const member: MemberEntry = {
      name,
      nameBytes: rest.subarray(0, nameLength),
      flags: view.getUint16(8, true),
      method: view.getUint16(10, true),
      crc: view.getUint32(16, true),
      ...sizes,
      offset: sizes.offset + directory.prefix,
    };
    claimed += 30 + nameLength + member.compressedSize;
    if (claimed > source.size || member.offset + 30 + member.compressedSize > start) {
      throw fail(`${name} does not fit into the zip archive, or shares bytes with another member`, at);
    }
    const unixType = (view.getUint16(4, true) >> 8) === 3 ? (view.getUint32(38, true) >>> 16) & 0xf000 : 0;
    yield {
      name,
      directory: name.endsWith("/"),
      link: unixType === 0xa000,
      size: member.size,
      contents: () => memberContents(archive, member),
      checkName: async () => void (await findData(archive, member)),
    };
  }
  if (reader.offset !== directory.size) {
    throw fail(`the zip directory holds more than ${directory.count} members`, start + reader.offset);
  }
}

/** What the members of an archive share. */
interface Archive {
  readonly source: RandomAccess;
  readonly label: string;
  readonly inflaters: Inflaters;
}

interface MemberEntry {
  name: string;
  nameBytes: Uint8Array;
  flags: number;
  method: number;
  crc: number;
  size: number;
  compressedSize: number;
  offset: number;
}

async function* memberContents(archive: Archive, member: MemberEntry): AsyncGenerator<Uint8Array> {
  const { source, label, inflaters } = archive;
  const fail = failures(`${label}/${member.name}`);
  const at = member.offset;
  if (member.flags & 1) {
    throw fail(
      "the zip member is encrypted",
      at,
      "an unencrypted one",
      "unpack the archive first, or exclude the member",
    );
  }
  if (member.method !== 0 && member.method !== 8) {
    throw fail(`zip compression method ${member.method}`, at, "0 (stored) or 8 (deflate)", "pack the archive again");
  }
  const dataAt = await findData(archive, member);
  const packed = range(source, dataAt, member.compressedSize, () => fail("the zip archive is cut off", source.size));
  if (member.method === 0 && member.size !== member.compressedSize) {
    throw fail(`a stored member of ${member.compressedSize} bytes`, at, `${member.size} as declared`);
  }
  const place = { at: dataAt, size: member.compressedSize };
  let size = 0;
  let crc = 0;
  for await (const chunk of member.method === 0 ? packed : inflateRaw(packed, place, fail, inflaters)) {
    size += chunk.length;
    if (size > member.size) throw fail(`more than the ${member.size} bytes that were declared`, dataAt);
    crc = crc32(chunk, crc);
    yield chunk;
  }
  if (size !== member.size) throw fail(`${size} bytes`, dataAt, `${member.size} as declared`);
  if (crc !== member.crc) throw fail("CRC-32 mismatch: the zip member is damaged", dataAt);
}

/** Where a member's data begins, by its own header, which must bear the same name as the directory's entry. */
async function findData({ source, label }: Archive, member: MemberEntry): Promise<number> {
  const fail = failures(`${label}/${member.name}`);
  const at = member.offset;
  const local = await source.readAt(at, 30);
  const view = viewOf(local);
  if (local.length < 30 || view.getUint32(0, true) !== 0x04034b50) throw fail("no zip member here", at, "its header");
  const nameLength = view.getUint16(26, true);
  const localName = await source.readAt(at + 30, nameLength);
  if (nameLength !== member.nameBytes.length || localName.some((byte, i) => byte !== member.nameBytes[i])) {
    throw fail("the zip member has another name in its own header", at, member.name);
  }
  return at + 30 + nameLength + view.getUint16(28, true);
}

async function* inflateRaw(
  packed: ByteStream,
  { at, size }: { at: number; size: number },
  fail: Failures,
  inflaters: Inflaters,
): AsyncGenerator<Uint8Array> {
  const broken = (error: unknown, place: number): FormatError =>
    fail(`damaged deflate data: ${error instanceof Error ? error.message : error}`, place);
  const trailing = (bytes: number, place: number): FormatError =>
    fail(`${bytes} bytes after the end of the deflate data`, place);
  const inflater = inflaters.take();
  if (inflater === null) {
    let decoded = 0;
    try {
      yield* inflateThroughStream("raw", packed, (bytes) => decoded = bytes);
    } catch (error) {
      if (error instanceof CodekilnError || error instanceof DOMException) throw error;
      throw broken(error, at + decoded);
    }
    if (decoded < size) throw trailing(size - decoded, at + decoded);
    return;
  }
  let place = at;
  try {
    for await (const chunk of packed) {
      let left: number;
      try {
        left = yield* inflater.push(chunk);
      } catch (error) {
        throw broken(error, place);
      }
      place += chunk.length;
      if (left > 0) throw trailing(left, place - left);
    }
    try {
      inflater.finish();
    } catch (error) {
      throw broken(error, place);
    }
  } finally {
    inflaters.giveBack(inflater);
  }
}

/** Inflaters for one member after the other: a new one for each would cost more than what is in it. */
interface Inflaters extends Disposable {
  /** Null where there is none. */
  take(): Inflater | null;
  giveBack(inflater: Inflater): void;
}

function createInflaters(open: () => Inflater | null): Inflaters {
  let spare: Inflater | null = null;
  let closed = false;
  return {
    take() {
      const taken = spare ?? open();
      spare = null;
      return taken;
    },
    giveBack(inflater) {
      if (closed || spare !== null) return inflater.close();
      inflater.reset();
      spare = inflater;
    },
    [Symbol.dispose]() {
      closed = true;
      spare?.close();
      spare = null;
    },
  };
}

async function findDirectory(source: RandomAccess, label: string): Promise<Directory> {
  const fail = failures(label);
  const tailAt = Math.max(0, source.size - 65557);
  const tail = await source.readAt(tailAt, source.size - tailAt);
  const view = viewOf(tail);
  let end = tail.length - 22;
  while (end >= 0) {
    if (view.getUint32(end, true) === 0x06054b50 && end + 22 + view.getUint16(end + 20, true) === tail.length) break;
    end--;
  }
  if (end < 0) {
    const hint = "the archive may be truncated";
    throw fail("no end of a zip directory at the end of the file", source.size, "a zip archive", hint);
  }
  const endAt = tailAt + end;
  let disks = view.getUint16(end + 4, true) | view.getUint16(end + 6, true);
  let count = view.getUint16(end + 10, true);
  let size = view.getUint32(end + 12, true);
  let offset = view.getUint32(end + 16, true);
  let directoryEnd = endAt;
  const locator = endAt >= 20 ? await source.readAt(endAt - 20, 20) : new Uint8Array(0);
  const hasZip64 = locator.length === 20 && viewOf(locator).getUint32(0, true) === 0x07064b50;
  if (hasZip64) {
    // The record stands right before its locator; the declared place is wrong where something was put in front.
    const declared = uint64(viewOf(locator), 8);
    let at = declared;
    let record = at + 56 <= endAt ? await source.readAt(at, 56) : new Uint8Array(0);
    if (record.length < 56 || viewOf(record).getUint32(0, true) !== 0x06064b50) {
      at = endAt - 20 - 56;
      record = at >= 0 ? await source.readAt(at, 56) : new Uint8Array(0);
    }
    const zip64 = viewOf(record);
    if (record.length < 56 || zip64.getUint32(0, true) !== 0x06064b50) throw fail("damaged zip64 record", declared);
    disks = zip64.getUint32(16, true) | zip64.getUint32(20, true);
    count = uint64(zip64, 32);
    size = uint64(zip64, 40);
    offset = uint64(zip64, 48);
    directoryEnd = at;
  }
  if (disks !== 0) throw fail("a part of a multi-part zip archive", endAt, "a whole archive");
  const prefix = directoryEnd - size - offset;
  if (prefix < 0) throw fail(`a zip directory of ${size} bytes at ${offset} does not fit into the file`, endAt);
  return { count, size, offset, prefix };
}

/** Sizes and place of a member, from its zip64 field where the plain fields are full; null where that is damaged. */
function memberSizes(
  view: DataView,
  extra: Uint8Array,
): { size: number; compressedSize: number; offset: number } | null {
  const plain = [view.getUint32(24, true), view.getUint32(20, true), view.getUint32(42, true)];
  if (plain.includes(0xffffffff)) {
    const fields = viewOf(extra);
    let at = 0;
    while (at + 4 <= extra.length && fields.getUint16(at, true) !== 1) at += 4 + fields.getUint16(at + 2, true);
    if (at + 4 > extra.length) return null;
    const end = Math.min(extra.length, at + 4 + fields.getUint16(at + 2, true));
    at += 4;
    for (let i = 0; i < 3; i++) {
      if (plain[i] !== 0xffffffff) continue;
      if (at + 8 > end) return null;
      plain[i] = uint64(fields, at);
      at += 8;
    }
  }
  if (!plain.every(Number.isSafeInteger)) return null;
  return { size: plain[0], compressedSize: plain[1], offset: plain[2] };
}

/**
 * A source whose small readings come from a window of it: members mostly lie one behind the other. Where they do not, or many are passed
 * over, the window stays small, or much more would be read than there is.
 */
function windowOf(source: RandomAccess): RandomAccess {
  let start = 0;
  let window: Uint8Array = new Uint8Array(0);
  let windowBytes = MIN_WINDOW_BYTES;
  return {
    size: source.size,
    async readAt(offset, length) {
      const wanted = Math.max(0, Math.min(length, source.size - offset));
      const end = start + window.length;
      if (offset < start || offset + wanted > end) {
        if (wanted >= CHUNK_BYTES) return await source.readAt(offset, wanted);
        const readsOn = offset >= start && offset <= end;
        windowBytes = readsOn ? Math.min(2 * windowBytes, CHUNK_BYTES) : MIN_WINDOW_BYTES;
        window = await source.readAt(offset, Math.max(wanted, windowBytes));
        start = offset;
      }
      return window.subarray(offset - start, offset - start + wanted);
    },
  };
}

async function* range(
  source: RandomAccess,
  offset: number,
  length: number,
  cut?: () => FormatError,
): AsyncGenerator<Uint8Array> {
  for (let at = offset; at < offset + length;) {
    const chunk = await source.readAt(at, Math.min(CHUNK_BYTES, offset + length - at));
    if (chunk.length === 0) {
      if (cut) throw cut();
      return;
    }
    yield chunk;
    at += chunk.length;
  }
}

type Failures = (what: string, at: number, expected?: string, hint?: string) => FormatError;

function failures(label: string): Failures {
  return (what, at, expected, hint) => new FormatError(what, { where: `${label}, byte ${at}`, expected, hint });
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function uint64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}

function decodeName(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    return latin1.decode(bytes);
  }
}

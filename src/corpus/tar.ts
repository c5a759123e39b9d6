/**
 * tar archives (POSIX ustar and pax, GNU long names, v7) as a sequence of members, read front to back.
 *
 * Header checksums are verified and the end-of-archive block is required, so a cut at any byte is noticed. Names are
 * labels only: nothing is ever written to them.
 */
import { FormatError } from "../errors.ts";
import type { ByteReader, ByteStream } from "./bytes.ts";

const BLOCK = 512;
const MAX_META_BYTES = 1024 * 1024;
/** `ustar` and a zero; GNU's own format has a space there, and no prefixes. */
const POSIX_MAGIC = [0x75, 0x73, 0x74, 0x61, 0x72, 0];
const decoder = new TextDecoder();

/** What a member is: a file with contents, a folder, a (hard or symbolic) link, or anything else. */
export type TarMemberKind = "file" | "directory" | "link" | "special";

export interface TarMember {
  name: string;
  kind: TarMemberKind;
  /** Bytes of contents. */
  size: number;
  /** The contents; to be read once, before the next member is asked for. What is left unread is skipped. */
  contents: () => ByteStream;
  /** All of the contents at once, in their stead. */
  bytes: () => Promise<Uint8Array<ArrayBuffer>>;
}

/** Whether 512 bytes are a tar header with the right checksum. */
export function isTarHeader(block: Uint8Array): boolean {
  return block.length >= BLOCK && !isZero(block) && checksumMatches(block);
}

/**
 * The members of a tar archive in order.
 * @param label Name of the archive in errors.
 * @throws FormatError naming label and byte offset (of the tar data).
 */
export async function* readTar(reader: ByteReader, label: string): AsyncGenerator<TarMember> {
  const fail = (what: string, at: number, expected?: string, hint?: string): FormatError =>
    new FormatError(what, { where: `${label}, byte ${at}`, expected, hint });

  let globals = new Map<string, string>();
  let locals = new Map<string, string>();
  let longName: string | null = null;
  for (let first = true;; first = false) {
    const at = reader.offset;
    const header = await reader.read(BLOCK);
    if (header.length === 0 && first) throw fail("the file is empty", 0, "a tar archive");
    if (header.length === 0) throw fail("the tar archive has no end mark: it is truncated", at, "a block of zeros");
    if (header.length < BLOCK) throw fail("the tar archive ends in the middle of a header", at + header.length);
    if (isZero(header)) break;
    if (!checksumMatches(header)) {
      throw fail(first ? "not a tar archive" : "damaged tar header", at, "a header with the right checksum");
    }
    const type = String.fromCharCode(header[156]);
    let size = numberField(header, 124, 12);
    if (size === null) throw fail("unreadable size in a tar header", at, "an octal or base-256 number");

    if (type === "x" || type === "g" || type === "L" || type === "K") {
      if (size > MAX_META_BYTES) throw fail(`tar metadata of ${size} bytes`, at, `at most ${MAX_META_BYTES}`);
      const data = await reader.read(size);
      if (data.length < size || (await reader.skip(padding(size))) < padding(size)) {
        throw fail("the tar archive ends in the middle of a header", reader.offset);
      }
      if (type === "L") longName = cString(data, 0, data.length);
      else if (type !== "K") {
        const records = paxRecords(data);
        if (records === null) throw fail("damaged pax header", at, 'records of the form "length key=value"');
        if (type === "g") globals = new Map([...globals, ...records]);
        else locals = records;
      }
      continue;
    }

    const pax = (key: string): string | undefined => locals.get(key) ?? globals.get(key);
    const paxSize = pax("size");
    if (paxSize !== undefined) {
      if (!/^\d{1,15}$/.test(paxSize)) throw fail(`unreadable pax size "${paxSize}"`, at, "a decimal number");
      size = Number(paxSize);
    }
    const sparse = type === "S" || [...locals.keys()].some((key) => key.startsWith("GNU.sparse."));
    const name: string = pax("path") ?? longName ?? headerName(header);
    locals = new Map();
    longName = null;
    if (type === "M") throw fail("a part of a multi-volume tar archive", at, "a whole archive");
    const kind = sparse ? "special" : memberKind(type, name);
    // A link's size field says how large its target is; no contents follow.
    const length = kind === "link" ? 0 : size;
    let left = length;
    let open = true;
    let ended: FormatError | null = null;
    const cut = (): FormatError =>
      ended ??= fail(`the tar archive ends inside ${name}`, reader.offset, `${left} more bytes`);
    const contents = async function* (): AsyncGenerator<Uint8Array> {
      while (open && left > 0) {
        const chunk = await reader.chunk(left);
        if (chunk === null) throw cut();
        left -= chunk.length;
        yield chunk;
      }
    };
    const bytes = async (): Promise<Uint8Array<ArrayBuffer>> => {
      const all = await reader.read(left);
      left -= all.length;
      if (left > 0) throw cut();
      return all;
    };
    yield { name, kind, size: length, contents, bytes };
    open = false;
    left -= await reader.skip(left);
    if (left > 0) throw cut();
    if ((await reader.skip(padding(length))) < padding(length)) {
      throw fail(`the tar archive ends after ${name}`, reader.offset, "padding and a block of zeros");
    }
  }
  for (let chunk = await reader.chunk(); chunk !== null; chunk = await reader.chunk()) {
    if (!isZero(chunk)) {
      const at = reader.offset - chunk.length + chunk.findIndex((byte) => byte !== 0);
      throw fail("data after the end mark of the tar archive", at, "zeros or the end", "were two archives joined?");
    }
  }
}

function memberKind(type: string, name: string): TarMemberKind {
  if (type === "5" || (name.endsWith("/") && (type === "0" || type === "\0"))) return "directory";
  if (type === "1" || type === "2") return "link";
  if (["3", "4", "6", "D", "V", "N", "I"].includes(type)) return "special";
  return "file";
}

function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

function isZero(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** The sum of all header bytes, the checksum field read as spaces; some old writers summed signed bytes. */
function checksumMatches(header: Uint8Array): boolean {
  const declared = numberField(header, 148, 8);
  let unsigned = 0;
  let signed = 0;
  for (let i = 0; i < BLOCK; i++) {
    const byte = i >= 148 && i < 156 ? 32 : header[i];
    unsigned += byte;
    signed += byte < 128 ? byte : byte - 256;
  }
  return declared === unsigned || declared === signed;
}

/** An octal number padded with spaces or NULs, or GNU's base-256; null where it is neither or negative. */
function numberField(header: Uint8Array, at: number, length: number): number | null {
  if (header[at] & 0x80) {
    if (header[at] !== 0x80) return null;
    let value = 0;
    for (let i = 1; i < length; i++) value = value * 256 + header[at + i];
    return Number.isSafeInteger(value) ? value : null;
  }
  let end = header.indexOf(0, at);
  if (end < 0 || end > at + length) end = at + length;
  while (at < end && isBlank(header[at])) at++;
  while (at < end && isBlank(header[end - 1])) end--;
  let value = 0;
  for (; at < end; at++) {
    const digit = header[at] - 48;
    if (digit < 0 || digit > 7) return null;
    value = value * 8 + digit;
  }
  return value;
}

/** A space, a tab or a line end. */
function isBlank(byte: number): boolean {
  return byte === 32 || (byte >= 9 && byte <= 13);
}

function headerName(header: Uint8Array): string {
  const name = cString(header, 0, 100);
  const isPosix = POSIX_MAGIC.every((byte, i) => header[257 + i] === byte);
  const prefix = isPosix && header[345] !== 0 ? cString(header, 345, 155) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

function cString(bytes: Uint8Array, at: number, length: number): string {
  const field = bytes.subarray(at, at + length);
  const end = field.indexOf(0);
  return decoder.decode(end < 0 ? field : field.subarray(0, end));
}

function paxRecords(data: Uint8Array): Map<string, string> | null {
  const records = new Map<string, string>();
  let at = 0;
  while (at < data.length) {
    const space = data.indexOf(32, at);
    if (space < 0) return null;
    const digits = decoder.decode(data.subarray(at, space));
    const length = Number(digits);
    if (!/^\d+$/.test(digits) || at + length > data.length || data[at + length - 1] !== 10) return null;
    const record = data.subarray(space + 1, at + length - 1);
    const equals = record.indexOf(61);
    if (equals < 1) return null;
    const key = decoder.decode(record.subarray(0, equals));
    records.set(key, decoder.decode(record.subarray(equals + 1)));
    at += length;
  }
  return records;
}

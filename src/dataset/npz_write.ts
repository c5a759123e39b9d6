/**
 * The records of a .npz file (a zip of stored .npy members), byte for byte as in the golden data, which numpy wrote.
 * (Newer releases of Python's zipfile mark small members as zip64 too; every reader takes both.)
 *
 * Every local header carries a zip64 extra field, so it has the same length whatever the member's size: the members can be
 * streamed first and their headers patched afterwards. Format: APPNOTE 6.3.10, PKWARE.
 */

/** A finished member. */
export interface StoredMember {
  readonly name: string;
  readonly size: number;
  readonly crc32: number;
  /** Byte offset of its local header. */
  readonly offset: number;
}

/** Above this size or offset the 64 bit fields are used, as zipfile does. */
const zip64Limit = 2 ** 31 - 1;
const firstOfJanuary1980 = 0x0021;

/** Bytes of a member's local header. */
export function localHeaderBytes(name: string): number {
  return 30 + name.length + 20;
}

/** The record in front of a member's bytes. */
export function localHeader({ name, size, crc32 }: Omit<StoredMember, "offset">): Uint8Array {
  const big = size > zip64Limit;
  const r = recordWriter(localHeaderBytes(name));
  r.u32(0x04034b50).u16(big ? 45 : 20).u16(0).u16(0).u16(0).u16(firstOfJanuary1980).u32(crc32);
  r.u32(big ? 0xffffffff : size).u32(big ? 0xffffffff : size).u16(name.length).u16(20).text(name);
  r.u16(1).u16(16).u64(size).u64(size);
  return r.bytes;
}

/** The central directory of the members, which starts at byte `offset`, with the end records. */
export function centralDirectory(members: readonly StoredMember[], offset: number): Uint8Array {
  const entries = members.map(centralHeader);
  const size = entries.reduce((sum, entry) => sum + entry.length, 0);
  const big = offset > zip64Limit;
  const r = recordWriter(size + (big ? 76 : 0) + 22);
  for (const entry of entries) r.raw(entry);
  if (big) {
    r.u32(0x06064b50).u64(44).u16(45).u16(45).u32(0).u32(0).u64(members.length).u64(members.length).u64(size).u64(
      offset,
    );
    r.u32(0x07064b50).u32(0).u64(offset + size).u32(1);
  }
  r.u32(0x06054b50).u16(0).u16(0).u16(members.length).u16(members.length).u32(size);
  r.u32(Math.min(offset, 0xffffffff)).u16(0);
  return r.bytes;
}

function centralHeader({ name, size, crc32, offset }: StoredMember): Uint8Array {
  const bigSize = size > zip64Limit;
  const bigOffset = offset > zip64Limit;
  const extra = (bigSize ? 16 : 0) + (bigOffset ? 8 : 0);
  const version = extra > 0 ? 45 : 20;
  const r = recordWriter(46 + name.length + (extra > 0 ? 4 + extra : 0));
  r.u32(0x02014b50).u16(version | 3 << 8).u16(version).u16(0).u16(0).u16(0).u16(firstOfJanuary1980).u32(crc32);
  r.u32(bigSize ? 0xffffffff : size).u32(bigSize ? 0xffffffff : size).u16(name.length);
  r.u16(extra > 0 ? 4 + extra : 0).u16(0).u16(0).u16(0).u32(0o600 << 16).u32(bigOffset ? 0xffffffff : offset).text(
    name,
  );
  if (extra > 0) r.u16(1).u16(extra);
  if (bigSize) r.u64(size).u64(size);
  if (bigOffset) r.u64(offset);
  return r.bytes;
}

function recordWriter(length: number) {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  let at = 0;
  const writer = {
    bytes,
    u16(value: number) {
      view.setUint16(at, value, true);
      at += 2;
      return writer;
    },
    u32(value: number) {
      view.setUint32(at, value, true);
      at += 4;
      return writer;
    },
    u64(value: number) {
      view.setBigUint64(at, BigInt(value), true);
      at += 8;
      return writer;
    },
    text(value: string) {
      return writer.raw(new TextEncoder().encode(value));
    },
    raw(value: Uint8Array) {
      bytes.set(value, at);
      at += value.length;
      return writer;
    },
  };
  return writer;
}

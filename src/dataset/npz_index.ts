/**
 * Ends the index of a token file, `<prefix>_idx.npz`: behind the lengths, which have been streamed, come `docs` and the directory, and
 * then the headers in front of the lengths are written.
 */

import { crc32 } from "node:zlib";
import { encodeNpyHeader, npyHeaderBytes } from "./npy.ts";
import { centralDirectory, localHeader, localHeaderBytes } from "./npz_write.ts";

/** Byte offset of the first length. */
export const lensOffset = localHeaderBytes("lens.npy") + npyHeaderBytes;

const bufferBytes = 1 << 20;

/**
 * @param file Stands behind the last length.
 * @param lensCrc CRC-32 of the lengths' bytes.
 * @param write Writes at the file's position.
 */
export function finishIndex(
  file: Deno.FsFile,
  { documents, lensCrc }: { documents: number; lensCrc: number },
  write: (bytes: Uint8Array) => void,
): void {
  const lensHeader = encodeNpyHeader("<i4", documents);
  const docsHeader = encodeNpyHeader("<i8", documents + 1);
  const lensMember = {
    name: "lens.npy",
    size: npyHeaderBytes + 4 * documents,
    crc32: joinCrc32(crc32(lensHeader), lensCrc, 4 * documents),
    offset: 0,
  };
  const docsOffset = localHeaderBytes(lensMember.name) + lensMember.size;
  write(new Uint8Array(localHeaderBytes("docs.npy"))); // patched below
  write(docsHeader);
  const docsCrc = writeCount(documents + 1, crc32(docsHeader), write);
  const docsMember = {
    name: "docs.npy",
    size: npyHeaderBytes + 8 * (documents + 1),
    crc32: docsCrc,
    offset: docsOffset,
  };
  const directoryOffset = docsOffset + localHeaderBytes(docsMember.name) + docsMember.size;
  write(centralDirectory([lensMember, docsMember], directoryOffset));
  file.seekSync(docsOffset, Deno.SeekMode.Start);
  write(localHeader(docsMember));
  file.seekSync(0, Deno.SeekMode.Start);
  write(localHeader(lensMember));
  write(lensHeader);
}

/** Writes 0, 1, … count − 1 as 64 bit numbers and returns the CRC-32 continued over them. */
function writeCount(count: number, crc: number, write: (bytes: Uint8Array) => void): number {
  const words = new Uint32Array(bufferBytes / 4);
  const perBuffer = words.length / 2;
  for (let first = 0; first < count; first += perBuffer) {
    const here = Math.min(perBuffer, count - first);
    for (let i = 0; i < here; i++) {
      words[2 * i] = first + i;
      words[2 * i + 1] = (first + i) / 2 ** 32;
    }
    const bytes = new Uint8Array(words.buffer, 0, here * 8);
    crc = crc32(bytes, crc);
    write(bytes);
  }
  return crc;
}

/**
 * CRC-32 of A followed by B from both CRCs. It is affine in its start value, so what A's CRC becomes after `bytesOfB` zeros, freed of
 * what zeros make of an empty start, is added to B's.
 */
function joinCrc32(crcA: number, crcB: number, bytesOfB: number): number {
  const zeros = new Uint8Array(Math.min(bytesOfB, bufferBytes));
  let shifted = crcA;
  let empty = 0;
  for (let left = bytesOfB; left > 0; left -= zeros.length) {
    const piece = zeros.subarray(0, Math.min(left, zeros.length));
    shifted = crc32(piece, shifted);
    empty = crc32(piece, empty);
  }
  return (shifted ^ empty ^ crcB) >>> 0;
}

/** What an input that is named by itself is, by its first bytes. */
import type { ByteReader } from "./bytes.ts";
import { isGzipMagic } from "./gzip.ts";
import type { ContentKind } from "./kinds.ts";
import { isTarHeader } from "./tar.ts";
import { isZipMagic } from "./zip.ts";
import { isZstdMagic } from "./zstd.ts";

const PARQUET_MAGIC = [0x50, 0x41, 0x52, 0x31];
const UNSUPPORTED_MAGIC: number[][] = [
  [0xfd, 0x37, 0x7a, 0x58, 0x5a],
  [0x42, 0x5a, 0x68],
  [0x37, 0x7a, 0xbc, 0xaf],
  [0x52, 0x61, 0x72, 0x21],
  [0x04, 0x22, 0x4d, 0x18],
];

/** Bytes at the start of a jsonl stream that are looked at to tell it from text. */
const JSON_SAMPLE_BYTES = 64 * 1024;

/** The kind of a stream by its first bytes: magic numbers, a tar header, a first line that is a JSON object with the key. */
export async function sniffKind(reader: ByteReader, jsonKey: string, mayBeJsonl: boolean): Promise<ContentKind> {
  const head = await reader.peek(512);
  const startsWith = (magic: readonly number[]) => magic.every((byte, i) => head[i] === byte);
  if (isGzipMagic(head)) return "gzip";
  if (isZstdMagic(head)) return "zstd";
  if (isZipMagic(head)) return "zip";
  if (isTarHeader(head)) return "tar";
  if (startsWith(PARQUET_MAGIC)) return "parquet";
  if (UNSUPPORTED_MAGIC.some(startsWith)) return "unsupported";
  if (!mayBeJsonl || head[0] !== 0x7b) return "text";
  const sample = await reader.peek(JSON_SAMPLE_BYTES);
  const newline = sample.indexOf(10);
  const line = new TextDecoder().decode(newline < 0 ? sample : sample.subarray(0, newline));
  if (newline < 0 && sample.length === JSON_SAMPLE_BYTES) return /^\{\s*"/.test(line) ? "jsonl" : "text";
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && Object.hasOwn(value, jsonKey) ? "jsonl" : "text";
  } catch {
    return "text";
  }
}

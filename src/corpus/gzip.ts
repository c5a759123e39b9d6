/**
 * gzip files (RFC 1952) through node:zlib's gunzip, which reads concatenated members and checks CRC-32 and length.
 *
 * `DecompressionStream("gzip")` refuses concatenated members in Deno 2.9.6, so it is not used. gunzip takes zero bytes
 * after the last member for padding, as is the custom, but then ignores whatever follows them; that is checked here.
 */
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { FormatError } from "../errors.ts";
import type { ByteReader } from "./bytes.ts";

const OUTPUT_BYTES = 256 * 1024;

export function isGzipMagic(bytes: Uint8Array): boolean {
  return bytes.length >= 3 && bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8;
}

/**
 * The decompressed bytes of a gzip file.
 * @param label Name of the input in errors.
 * @throws FormatError naming label and byte offset (of the compressed data) where the data is not right.
 */
export async function* readGzip(reader: ByteReader, label: string): AsyncGenerator<Uint8Array> {
  if (!isGzipMagic(await reader.peek(3))) {
    throw new FormatError("not gzip data", { where: `${label}, byte 0`, expected: "1f 8b 08" });
  }
  let fed = 0;
  let nonZeroEnd = 0;
  let sourceError: { error: unknown } | null = null;
  const observe = (chunk: Uint8Array): void => {
    for (let i = chunk.length; i > 0; i--) {
      if (chunk[i - 1] !== 0) {
        nonZeroEnd = fed + i;
        break;
      }
    }
    fed += chunk.length;
  };
  async function* observed(): AsyncGenerator<Uint8Array> {
    try {
      for (let chunk = await reader.chunk(); chunk !== null; chunk = await reader.chunk()) {
        observe(chunk);
        yield chunk;
      }
    } catch (error) {
      sourceError = { error };
      throw error;
    }
  }
  const gunzip = createGunzip({ chunkSize: OUTPUT_BYTES });
  pipeline(Readable.from(observed(), { objectMode: true, highWaterMark: 1 }), gunzip, () => {});
  try {
    for await (const chunk of gunzip) yield chunk as Uint8Array;
  } catch (error) {
    const source = sourceError as { error: unknown } | null;
    if (source !== null) throw source.error;
    const what = error instanceof Error ? error.message : String(error);
    throw new FormatError(`damaged or truncated gzip data: ${what}`, {
      where: `${label}, near byte ${gunzip.bytesWritten}`,
      cause: error,
    });
  } finally {
    gunzip.destroy();
  }
  const end = gunzip.bytesWritten;
  for (let chunk = await reader.chunk(); chunk !== null; chunk = await reader.chunk()) observe(chunk);
  if (nonZeroEnd > end) {
    throw new FormatError("data after the end of the gzip data", {
      where: `${label}, byte ${end}`,
      expected: "another member, zero padding or the end",
    });
  }
}

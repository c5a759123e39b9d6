/**
 * gzip files (RFC 1952): concatenated members, CRC-32 and length are zlib's to check; what follows the last member is
 * checked here. Zero bytes there are padding, as is the custom; anything else is an error.
 *
 * `DecompressionStream("gzip")` refuses concatenated members in Deno 2.9.6, so it is not used.
 */
import { CodekilnError, FormatError } from "../errors.ts";
import type { ByteReader } from "./bytes.ts";
import { createInflater, type Inflater, inflateThroughStream } from "./inflate.ts";

export function isGzipMagic(bytes: Uint8Array): boolean {
  return bytes.length >= 3 && bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8;
}

/**
 * The decompressed bytes of a gzip file.
 * @param label Name of the input in errors.
 * @param inflater How it is decoded; null: through a stream.
 * @throws FormatError naming label and byte offset (of the compressed data) where the data is not right.
 */
export async function* readGzip(
  reader: ByteReader,
  label: string,
  inflater: Inflater | null = createInflater("gzip"),
): AsyncGenerator<Uint8Array> {
  try {
    if (!isGzipMagic(await reader.peek(3))) {
      throw new FormatError("not gzip data", { where: `${label}, byte 0`, expected: "1f 8b 08" });
    }
    yield* inflater === null ? readThroughStream(reader, label) : readThroughInflater(reader, label, inflater);
  } finally {
    inflater?.close();
  }
}

function damaged(label: string, at: number, cause: unknown): FormatError {
  const what = cause instanceof Error ? cause.message : String(cause);
  return new FormatError(`damaged or truncated gzip data: ${what}`, { where: `${label}, near byte ${at}`, cause });
}

function trailing(label: string, end: number): FormatError {
  return new FormatError("data after the end of the gzip data", {
    where: `${label}, byte ${end}`,
    expected: "another member, zero padding or the end",
  });
}

async function* readThroughInflater(reader: ByteReader, label: string, inflater: Inflater): AsyncGenerator<Uint8Array> {
  let end: number | null = null;
  for (let chunk = await reader.chunk(); chunk !== null; chunk = await reader.chunk()) {
    let rest = chunk;
    if (end === null) {
      const at = reader.offset - chunk.length;
      let left: number;
      try {
        left = yield* inflater.push(chunk);
      } catch (cause) {
        throw damaged(label, at, cause);
      }
      rest = chunk.subarray(chunk.length - left);
      if (rest.length > 0) end = reader.offset - rest.length;
    }
    if (end !== null && rest.some((byte) => byte !== 0)) throw trailing(label, end);
  }
  if (end !== null) return;
  try {
    inflater.finish();
  } catch (cause) {
    throw damaged(label, reader.offset, cause);
  }
}

/** zlib's stream ignores what follows zero padding: where the last byte that is not zero stands is kept here. */
async function* readThroughStream(reader: ByteReader, label: string): AsyncGenerator<Uint8Array> {
  let fed = 0;
  let nonZeroEnd = 0;
  const observe = (chunk: Uint8Array): void => {
    const last = chunk.findLastIndex((byte) => byte !== 0);
    if (last >= 0) nonZeroEnd = fed + last + 1;
    fed += chunk.length;
  };
  async function* observed(): AsyncGenerator<Uint8Array> {
    for (let chunk = await reader.chunk(); chunk !== null; chunk = await reader.chunk()) {
      observe(chunk);
      yield chunk;
    }
  }
  let end = 0;
  try {
    yield* inflateThroughStream("gzip", observed(), (bytes) => end = bytes);
  } catch (error) {
    if (error instanceof CodekilnError || error instanceof DOMException) throw error;
    throw damaged(label, end, error);
  }
  for (let chunk = await reader.chunk(); chunk !== null; chunk = await reader.chunk()) observe(chunk);
  if (nonZeroEnd > end) throw trailing(label, end);
}

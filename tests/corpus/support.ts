/** Helpers of the corpus tests: temporary folders, collected documents, and archives built by hand. */
import { constants, crc32, deflateRawSync, gzipSync, zstdCompressSync } from "node:zlib";
import { type Corpus, readCorpus, type ReadCorpusOptions } from "../../src/corpus/read.ts";
import { FormatError } from "../../src/errors.ts";

export const encoder = new TextEncoder();
export const decoder = new TextDecoder();

export function bytes(...parts: (Uint8Array | number[] | string)[]): Uint8Array<ArrayBuffer> {
  const arrays = parts.map((part) => typeof part === "string" ? encoder.encode(part) : new Uint8Array(part));
  const all = new Uint8Array(arrays.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of arrays) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export const gzip = (data: Uint8Array | string): Uint8Array => new Uint8Array(gzipSync(data));
/** As the zstd program does it: with a checksum. */
export const zstd = (data: Uint8Array | string): Uint8Array =>
  new Uint8Array(zstdCompressSync(data, { params: { [constants.ZSTD_c_checksumFlag]: 1 } }));

/** Writes files (by relative path) into a new folder, calls back, and removes it. */
export async function withFiles<T>(
  files: Record<string, Uint8Array | string>,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, contents] of Object.entries(files)) {
      const path = `${folder}/${name}`;
      await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
      await Deno.writeFile(path, typeof contents === "string" ? encoder.encode(contents) : contents);
    }
    return await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

export interface Collected {
  texts: string[];
  paths: string[];
  languages: (string | null)[];
  report: Corpus["report"];
}

/** Reads everything; short documents too, unless told otherwise. */
export async function collect(
  paths: string[],
  { minDocLength = 0, ...options }: ReadCorpusOptions = {},
): Promise<Collected> {
  const { documents, report } = readCorpus(paths, { minDocLength, ...options });
  const found: Collected = { texts: [], paths: [], languages: [], report };
  for await (const { text, path, language } of documents) {
    found.texts.push(decoder.decode(text));
    found.paths.push(path);
    found.languages.push(language);
  }
  return found;
}

/** Reads one file of the given name and contents. */
export function collectFile(name: string, contents: Uint8Array | string, options: ReadCorpusOptions = {}) {
  return withFiles({ [name]: contents }, (folder) => collect([`${folder}/${name}`], options));
}

/** A web stream of the bytes in chunks. */
export function streamOf(contents: Uint8Array, chunkBytes = 1000): ReadableStream<Uint8Array> {
  return ReadableStream.from((function* () {
    for (let at = 0; at < contents.length; at += chunkBytes) yield contents.slice(at, at + chunkBytes);
  })());
}

/** The error of a promise that must fail. */
export async function failure(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
  throw new Error("this should have failed");
}

/** Runs every damaged variant of a file: each must give exactly these texts or a FormatError naming file and byte. */
export async function rightOrError(
  name: string,
  variants: Iterable<Uint8Array>,
  texts: string[],
  options: ReadCorpusOptions = {},
): Promise<{ right: number; errors: number }> {
  const outcome = { right: 0, errors: 0 };
  await withFiles({}, async (folder) => {
    const path = `${folder}/${name}`;
    for (const variant of variants) {
      await Deno.writeFile(path, variant);
      let result: Collected;
      try {
        result = await collect([path], options);
      } catch (error) {
        if (!(error instanceof FormatError)) throw error;
        if (!error.message.includes(path) || !/byte \d+/.test(error.message)) {
          throw new Error("an error without file and byte offset", { cause: error });
        }
        outcome.errors++;
        continue;
      }
      if (JSON.stringify(result.texts) !== JSON.stringify(texts)) {
        throw new Error(`silently wrong: ${variant.length} bytes gave ${JSON.stringify(result.texts).slice(0, 300)}`);
      }
      outcome.right++;
    }
  });
  return outcome;
}

export function* truncations(contents: Uint8Array): Generator<Uint8Array> {
  for (let length = 0; length < contents.length; length++) yield contents.subarray(0, length);
}

export function* bitFlips(contents: Uint8Array): Generator<Uint8Array> {
  for (let bit = 0; bit < contents.length * 8; bit++) {
    const flipped = contents.slice();
    flipped[bit >> 3] ^= 1 << (bit & 7);
    yield flipped;
  }
}

export interface TarEntry {
  name: string;
  data?: Uint8Array | string;
  type?: string;
  prefix?: string;
  size?: number;
}

/** One member of a tar archive: header, contents, padding. */
export function tarMember({ name, data = "", type = "0", prefix = "", size }: TarEntry): Uint8Array {
  const contents = typeof data === "string" ? encoder.encode(data) : data;
  const header = new Uint8Array(512);
  const put = (at: number, text: string) => header.set(encoder.encode(text), at);
  put(0, name.slice(0, 100));
  put(100, "0000644\0");
  put(124, `${(size ?? contents.length).toString(8).padStart(11, "0")}\0`);
  put(136, "00000000000\0");
  put(148, "        ");
  put(156, type);
  put(257, "ustar\x0000");
  put(345, prefix);
  put(148, `${header.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, "0")}\0 `);
  return bytes(header, contents, new Uint8Array((512 - contents.length % 512) % 512));
}

export function tarOf(...entries: TarEntry[]): Uint8Array {
  return bytes(...entries.map(tarMember), new Uint8Array(1024));
}

export function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = encoder.encode(rest).length;
  length += String(length + String(length).length).length;
  return `${length}${rest}`;
}

export interface ZipEntry {
  name: string;
  data: Uint8Array | string;
  stored?: boolean;
  flags?: number;
  method?: number;
  declaredSize?: number;
  crc?: number;
  zip64?: boolean;
}

/** A zip archive; the odd fields let a test lie. */
export function zipOf(entries: ZipEntry[], options: { zip64End?: boolean; count?: number } = {}): Uint8Array {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  const u16 = (n: number) => [n & 255, n >>> 8 & 255];
  const u32 = (n: number) => [...u16(n & 0xffff), ...u16(n >>> 16)];
  const u64 = (n: number) => [...u32(n >>> 0), ...u32(Math.floor(n / 2 ** 32))];
  for (const entry of entries) {
    const data = typeof entry.data === "string" ? encoder.encode(entry.data) : entry.data;
    const packed = entry.stored ? data : new Uint8Array(deflateRawSync(data));
    const method = u16(entry.method ?? (entry.stored ? 0 : 8));
    const name = encoder.encode(entry.name);
    const crc = u32(entry.crc ?? crc32(data));
    const size = entry.declaredSize ?? data.length;
    const flags = u16(entry.flags ?? 0x800);
    const sizes = entry.zip64 ? [...u32(0xffffffff), ...u32(0xffffffff)] : [...u32(packed.length), ...u32(size)];
    const extra = entry.zip64 ? [...u16(1), ...u16(24), ...u64(size), ...u64(packed.length), ...u64(offset)] : [];
    const common = [...u16(20), ...flags, ...method, ...u32(0), ...crc, ...sizes, ...u16(name.length)];
    const local = bytes([0x50, 0x4b, 3, 4, ...common, ...u16(0)], name, packed);
    const place = entry.zip64 ? u32(0xffffffff) : u32(offset);
    const rest = [...u16(extra.length), ...u16(0), ...u16(0), ...u16(0), ...u32(0), ...place];
    directory.push(bytes([0x50, 0x4b, 1, 2, ...u16(20), ...common, ...rest], name, extra));
    parts.push(local);
    offset += local.length;
  }
  const central = bytes(...directory);
  const count = options.count ?? entries.length;
  const end64 = options.zip64End
    ? [
      ...[0x50, 0x4b, 6, 6, ...u64(44), ...u16(45), ...u16(45), ...u32(0), ...u32(0)],
      ...[...u64(count), ...u64(count), ...u64(central.length), ...u64(offset)],
      ...[0x50, 0x4b, 6, 7, ...u32(0), ...u64(offset + central.length), ...u32(1)],
    ]
    : [];
  const full = options.zip64End;
  const counts = full ? [...u16(0xffff), ...u16(0xffff)] : [...u16(count), ...u16(count)];
  const places = full ? [...u32(0xffffffff), ...u32(0xffffffff)] : [...u32(central.length), ...u32(offset)];
  return bytes(...parts, central, end64, [0x50, 0x4b, 5, 6, ...u16(0), ...u16(0), ...counts, ...places, ...u16(0)]);
}

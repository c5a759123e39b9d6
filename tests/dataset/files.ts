/** What the dataset's tests share: a temporary folder, token files with given documents, .npy and .npz files with any content. */
import { deflateRawSync } from "node:zlib";
import { crc32 } from "node:zlib";
import { createTokenFileWriter } from "../../src/dataset/token_writer.ts";

export const goldenFolder = new URL("../golden/bytes/data", import.meta.url).pathname;

/** Runs a test in a folder of its own. */
export async function inFolder(action: (folder: string) => unknown): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    await action(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

export function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

export const description = {
  tokenizer: { name: "test", fingerprint: "f" },
  eos_id: null,
  append_eos: false,
  corpus_fingerprint: "c",
  options: {},
};

export function writeDocuments(prefix: string, documents: readonly ArrayLike<number>[], vocabSize = 50257): void {
  using writer = createTokenFileWriter(prefix, { vocabSize });
  for (const ids of documents) writer.append(ids, ids.length);
  writer.commit(description);
}

/** Documents of the given lengths, with the ids 0, 1, 2, … through all of them. */
export function countingDocuments(lengths: readonly number[]): number[][] {
  let id = 0;
  return lengths.map((length) => Array.from({ length }, () => id++));
}

/** An .npy file with any dict text. */
export function npyBytes(dict: string, data: Uint8Array, version = 1): Uint8Array {
  const text = new TextEncoder().encode(dict);
  const prefix = [0x93, ...new TextEncoder().encode("NUMPY"), version, 0, text.length & 255, text.length >> 8];
  if (version > 1) prefix.push(0, 0);
  return new Uint8Array([...prefix, ...text, ...data]);
}

export function npyArray(descr: "<u2" | "<i4" | "<i8", values: readonly number[]): Uint8Array {
  const data = descr === "<u2"
    ? Uint16Array.from(values)
    : descr === "<i4"
    ? Int32Array.from(values)
    : BigInt64Array.from(values, BigInt);
  return npyBytes(
    `{'descr': '${descr}', 'fortran_order': False, 'shape': (${values.length},), }\n`,
    new Uint8Array(data.buffer),
  );
}

/** A zip of the members, all deflated or all stored; `crc` spoils the checksums. */
export function zipBytes(members: Record<string, Uint8Array>, deflated: boolean, crc = 0): Uint8Array {
  const out: number[] = [];
  const directory: number[] = [];
  const u16 = (n: number) => [n & 255, n >>> 8 & 255];
  const u32 = (n: number) => [...u16(n), ...u16(n >>> 16)];
  for (const [name, bytes] of Object.entries(members)) {
    const data = deflated ? new Uint8Array(deflateRawSync(bytes)) : bytes;
    const text = [...new TextEncoder().encode(name)];
    const shared = [
      ...u16(0),
      ...u16(deflated ? 8 : 0),
      ...u32(0),
      ...u32(crc32(bytes) ^ crc),
      ...u32(data.length),
      ...u32(bytes.length),
      ...u16(text.length),
      ...u16(0),
    ];
    directory.push(...u32(0x02014b50), ...u16(20), ...u16(20), ...shared, ...u16(0), ...u16(0), ...u16(0), ...u32(0));
    directory.push(...u32(out.length), ...text);
    out.push(...u32(0x04034b50), ...u16(20), ...shared, ...text, ...data);
  }
  const count = Object.keys(members).length;
  const end = [
    ...u32(0x06054b50),
    ...u32(0),
    ...u16(count),
    ...u16(count),
    ...u32(directory.length),
    ...u32(out.length),
    ...u16(0),
  ];
  return new Uint8Array([...out, ...directory, ...end]);
}

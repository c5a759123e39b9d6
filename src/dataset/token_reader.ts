/**
 * Reads token files: ids at any place by positioned reads, and where documents start, in one pass over the index.
 *
 * Opening reads headers only. Memory is that of the ids asked for, whatever the file's size.
 */

import { FormatError, UserError } from "../errors.ts";
import { openRandomAccess, type RandomAccessFile } from "../files.ts";
import { journalPath } from "./journal.ts";
import { readTokenFileMeta, type TokenFileMeta, tokenFilePaths } from "./meta.ts";
import { itemBytes, type NpyHeader, readNpyHeader } from "./npy.ts";
import { exists } from "./partial_files.ts";
import { type NpzMember, readMemberHeader, readMemberIntegers, readNpzDirectory } from "./npz_read.ts";

/** An open token file. */
export interface TokenFile extends Disposable {
  readonly prefix: string;
  readonly documents: number;
  readonly tokens: number;
  /** What `<prefix>_meta.json` says; null where there is none. */
  readonly meta: TokenFileMeta | null;
  /**
   * Reads `count` ids from place `start` on into `out`, from `outOffset` on.
   * @throws {FormatError} where an id is not below the vocabulary size, or the file ends early.
   */
  read(start: number, count: number, out: Uint32Array, outOffset?: number): void;
  /**
   * Token offsets at which the documents `marks` start (`documents` itself: where the last one ends), in one pass over the index
   * that checks all of it.
   * @param marks Document numbers, ascending.
   * @throws {FormatError} where the index is damaged or does not fit the ids.
   */
  documentOffsets(marks: readonly number[]): Promise<number[]>;
  /** The lengths of the documents in order, as they come from the index; `documentOffsets` is what checks them. */
  lengths(): AsyncIterable<ArrayLike<number>>;
  close(): void;
}

/**
 * Opens the files of `prefix`.
 * @param options.vocabSize Ids at or above it are an error when read; without it, the vocabulary of the meta file counts.
 * @throws {UserError} where a file is missing.
 * @throws {FormatError} where a file is not what its format says.
 */
export async function openTokenFile(prefix: string, { vocabSize }: { vocabSize?: number } = {}): Promise<TokenFile> {
  const paths = tokenFilePaths(prefix);
  const meta = readTokenFileMeta(paths.meta);
  if (meta === null) requireNoJournal(prefix);
  const idsFile = openRandomAccess(paths.ids, "token file");
  let idxFile: RandomAccessFile | undefined;
  try {
    const ids = readIdsHeader(idsFile);
    idxFile = openRandomAccess(paths.idx, "index of the token file");
    const index = await readIndexHeaders(idxFile);
    if (meta !== null) checkCounts(meta, paths.meta, ids.length, index.lens.header.length);
    const limit = Math.min(vocabSize ?? Infinity, meta?.vocab_size ?? Infinity);
    return tokenFile(prefix, meta, idsFile, ids, idxFile, index, limit);
  } catch (error) {
    idsFile.close();
    idxFile?.close();
    throw error;
  }
}

/** Between the first and the last rename of a run that was killed, files are there that are not yet to be read. */
function requireNoJournal(prefix: string): void {
  for (const name of [prefix, prefix.replace(/_(train|valid|test)$/, "")]) {
    if (!exists(journalPath(name))) continue;
    throw new UserError("the token file is not finished: its run was stopped", {
      where: prefix,
      hint: `finish it with codekiln data … --output_prefix ${name} --resume`,
    });
  }
}

interface IndexArray {
  readonly member: NpzMember;
  readonly header: NpyHeader;
}

function tokenFile(
  prefix: string,
  meta: TokenFileMeta | null,
  idsFile: RandomAccessFile,
  ids: NpyHeader,
  idxFile: RandomAccessFile,
  index: { lens: IndexArray; docs: IndexArray },
  vocabSize: number,
): TokenFile {
  const size = itemBytes(ids.dtype);
  let scratch = new ArrayBuffer(0);

  const read = (start: number, count: number, out: Uint32Array, outOffset = 0) => {
    if (!(start >= 0 && count >= 0 && start + count <= ids.length && outOffset + count <= out.length)) {
      throw new RangeError(`ids ${start} to ${start + count} of ${ids.length}, into ${out.length - outOffset} places`);
    }
    if (scratch.byteLength < count * size) scratch = new ArrayBuffer(count * size);
    const offset = ids.dataOffset + start * size;
    idsFile.readExactly(new Uint8Array(scratch, 0, count * size), offset);
    const values = size === 2 ? new Uint16Array(scratch, 0, count) : new Int32Array(scratch, 0, count);
    for (let i = 0; i < count; i++) {
      const id = values[i];
      if (id < 0 || id >= vocabSize) {
        throw new FormatError(`token id ${id} (token ${start + i})`, {
          where: `${idsFile.path}, byte ${offset + i * size}`,
          expected: `an id of the vocabulary, 0 to ${vocabSize === Infinity ? "2^31 - 1" : vocabSize - 1}`,
          hint: "the token file and the model or vocabulary do not belong together, or the file is damaged",
        });
      }
      out[outOffset + i] = id;
    }
  };
  const close = () => {
    idsFile.close();
    idxFile.close();
  };
  return {
    prefix,
    meta,
    documents: index.lens.header.length,
    tokens: ids.length,
    read,
    documentOffsets: (marks) => scanIndex(idxFile, index.lens, index.docs, ids.length, marks),
    lengths: () => readMemberIntegers(idxFile, index.lens.member, index.lens.header),
    close,
    [Symbol.dispose]: close,
  };
}

function readIdsHeader(file: RandomAccessFile): NpyHeader {
  const header = readNpyHeader((count) => {
    const bytes = new Uint8Array(Math.min(count, file.size));
    file.readExactly(bytes, 0);
    return bytes;
  }, file.path);
  if (header.dtype === "<i8") {
    throw new FormatError("the ids' type is '<i8'", { where: file.path, expected: "'<u2' or '<i4'" });
  }
  const expected = header.dataOffset + header.length * itemBytes(header.dtype);
  if (file.size !== expected) {
    throw new FormatError(`the file has ${file.size} bytes: it ${file.size < expected ? "is cut off" : "goes on"}`, {
      where: `${file.path}, byte ${Math.min(file.size, expected)}`,
      expected: `${expected} bytes for ${header.length} ids of type ${header.dtype}`,
    });
  }
  return header;
}

async function readIndexHeaders(file: RandomAccessFile): Promise<{ lens: IndexArray; docs: IndexArray }> {
  const members = readNpzDirectory(file);
  const open = async (name: string): Promise<IndexArray> => {
    const member = members.get(name);
    if (member === undefined) {
      throw new FormatError(`there is no ${name} in it`, { where: file.path, expected: "lens.npy and docs.npy" });
    }
    const header = await readMemberHeader(file, member);
    if (header.dtype === "<u2") {
      throw new FormatError(`the type of ${name} is '<u2'`, { where: file.path, expected: "'<i4' or '<i8'" });
    }
    return { member, header };
  };
  return { lens: await open("lens.npy"), docs: await open("docs.npy") };
}

function checkCounts(meta: TokenFileMeta, path: string, tokens: number, documents: number): void {
  if (meta.tokens === tokens && meta.documents === documents) return;
  throw new FormatError(`it describes ${meta.tokens} tokens in ${meta.documents} documents`, {
    where: path,
    expected: `${tokens} tokens in ${documents} documents, as in the files beside it`,
    hint: "the three files of a prefix are not of one run: write them again",
  });
}

/** Checks `docs` (ascending from 0 to the number of lengths) and `lens` (they add up to the ids), and notes the marks' offsets. */
async function scanIndex(
  file: RandomAccessFile,
  lens: IndexArray,
  docs: IndexArray,
  tokens: number,
  marks: readonly number[],
): Promise<number[]> {
  const fail = (array: string, at: number, what: string, expected: string) =>
    new FormatError(`${array}[${at}] is ${what}`, { where: file.path, expected });
  let last = 0;
  let at = 0;
  for await (const values of readMemberIntegers(file, docs.member, docs.header)) {
    for (let i = 0; i < values.length; i++, at++) {
      const value = values[i];
      if (at === 0 ? value !== 0 : !(value >= last && value <= lens.header.length)) {
        throw fail("docs", at, String(value), at === 0 ? "0" : `${last} to ${lens.header.length}`);
      }
      last = value;
    }
  }
  if (last !== lens.header.length || at === 0) {
    throw fail("docs", Math.max(0, at - 1), String(last), `${lens.header.length}, the number of lengths`);
  }

  const offsets: number[] = [];
  let mark = 0;
  let offset = 0;
  let document = 0;
  for await (const values of readMemberIntegers(file, lens.member, lens.header)) {
    for (let i = 0; i < values.length; i++, document++) {
      while (mark < marks.length && marks[mark] === document) {
        offsets.push(offset);
        mark++;
      }
      const length = values[i];
      if (!(length >= 0 && offset + length <= tokens)) {
        throw fail("lens", document, String(length), `0 to ${tokens - offset}, the ids that are left`);
      }
      offset += length;
    }
  }
  if (offset !== tokens) {
    throw new FormatError(`the documents have ${offset} tokens`, {
      where: file.path,
      expected: `${tokens}, as many as ids`,
    });
  }
  while (mark < marks.length && marks[mark] === document) {
    offsets.push(offset);
    mark++;
  }
  if (mark < marks.length) throw new RangeError(`document ${marks[mark]} of ${document}, or marks out of order`);
  return offsets;
}

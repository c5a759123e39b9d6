/**
 * Writes a token file: `<prefix>_ids.npy`, `<prefix>_idx.npz` and `<prefix>_meta.json`.
 *
 * Ids and document lengths go straight to disk behind headers whose size is known, and the headers are patched at the end: memory
 * does not grow with the corpus. The files bear a `.partial` name until `commit`, which renames the index last, so a
 * complete set is there exactly when the index is.
 */

import { crc32 } from "node:zlib";
import { CodekilnError, UserError } from "../errors.ts";
import { partialName, reason, removeIfPresent, writeFully } from "../files.ts";
import { type TokenFileMeta, tokenFilePaths } from "./meta.ts";
import { encodeNpyHeader, itemBytes, type NpyDtype, npyHeaderBytes } from "./npy.ts";
import { centralDirectory, localHeader, localHeaderBytes } from "./npz_write.ts";

/** What the writer cannot count itself. */
export type TokenFileDescription = Pick<
  TokenFileMeta,
  "tokenizer" | "eos_id" | "append_eos" | "corpus_fingerprint" | "options" | "corpus"
>;

/** An unfinished token file. Declared with `using`, it is removed unless it was committed. */
export interface TokenFileWriter extends Disposable {
  readonly documents: number;
  readonly tokens: number;
  readonly textBytes: number;
  /**
   * Adds one document.
   * @param ids Its tokens.
   * @param textBytes UTF-8 bytes of its text.
   * @param eosId One more token at its end.
   * @throws {CodekilnError} where an id is not in the vocabulary or the disk is full; the writer is aborted then.
   */
  append(ids: ArrayLike<number>, textBytes: number, eosId?: number): void;
  /** Gives the files their final names. Existing ones are replaced. */
  commit(description: TokenFileDescription): TokenFileMeta;
  /** Removes what was written. Does nothing after `commit`. */
  abort(): void;
}

const bufferBytes = 1 << 20;
const maxDocumentTokens = 2 ** 31 - 1;

/** The type of the ids: 16 bits while the vocabulary is under 65,535. */
export function idsDtype(vocabSize: number): NpyDtype {
  return vocabSize < 65535 ? "<u2" : "<i4";
}

/**
 * Starts a token file. Its folder is made if need be.
 * @param prefix Path of the files without `_ids.npy` and so on.
 * @param options.vocabSize Every id must be below it.
 * @throws {UserError} where the files cannot be created, or another process is writing them.
 */
export function createTokenFileWriter(prefix: string, { vocabSize }: { vocabSize: number }): TokenFileWriter {
  const paths = tokenFilePaths(prefix);
  const dtype = idsDtype(vocabSize);
  const idSize = itemBytes(dtype);
  const idsFile = openPartial(paths.ids);
  let idxFile: Deno.FsFile;
  try {
    idxFile = openPartial(paths.idx);
  } catch (error) {
    idsFile.close();
    removeIfPresent(partialName(paths.ids));
    throw error;
  }
  let state: "open" | "committed" | "aborted" = "open";
  let documents = 0;
  let tokens = 0;
  let textBytes = 0;

  const idsBytes = new Uint8Array(bufferBytes);
  const ids = idSize === 2 ? new Uint16Array(idsBytes.buffer) : new Int32Array(idsBytes.buffer);
  let idCount = 0;
  const lensBytes = new Uint8Array(bufferBytes);
  const lens = new Int32Array(lensBytes.buffer);
  let lenCount = 0;
  let lensCrc = 0;

  const flushIds = () => {
    writeFully(idsFile, idsBytes.subarray(0, idCount * idSize), partialName(paths.ids));
    idCount = 0;
  };
  const put = (id: number) => {
    if (!(id >= 0 && id < vocabSize)) {
      throw new CodekilnError(`token ${id} of document ${documents} is not in the vocabulary`, {
        where: prefix,
        expected: `0 to ${vocabSize - 1}`,
      });
    }
    if (idCount === ids.length) flushIds();
    ids[idCount++] = id;
  };
  const writeIdx = (bytes: Uint8Array) => writeFully(idxFile, bytes, partialName(paths.idx));
  const flushLens = () => {
    const bytes = lensBytes.subarray(0, lenCount * 4);
    lensCrc = crc32(bytes, lensCrc);
    writeIdx(bytes);
    lenCount = 0;
  };

  const abort = () => {
    if (state !== "open") return;
    state = "aborted";
    idsFile.close();
    idxFile.close();
    for (const path of Object.values(paths)) removeIfPresent(partialName(path));
  };

  const finishIdx = () => {
    flushLens();
    const lensHeader = encodeNpyHeader("<i4", documents);
    const docsHeader = encodeNpyHeader("<i8", documents + 1);
    const lensMember = {
      name: "lens.npy",
      size: npyHeaderBytes + 4 * documents,
      crc32: joinCrc32(crc32(lensHeader), lensCrc, 4 * documents),
      offset: 0,
    };
    const docsOffset = localHeaderBytes(lensMember.name) + lensMember.size;
    writeIdx(new Uint8Array(localHeaderBytes("docs.npy"))); // patched below
    writeIdx(docsHeader);
    const docsCrc = writeCount(documents + 1, crc32(docsHeader), writeIdx);
    const docsMember = {
      name: "docs.npy",
      size: npyHeaderBytes + 8 * (documents + 1),
      crc32: docsCrc,
      offset: docsOffset,
    };
    const directoryOffset = docsOffset + localHeaderBytes(docsMember.name) + docsMember.size;
    writeIdx(centralDirectory([lensMember, docsMember], directoryOffset));
    idxFile.seekSync(docsOffset, Deno.SeekMode.Start);
    writeIdx(localHeader(docsMember));
    idxFile.seekSync(0, Deno.SeekMode.Start);
    writeIdx(localHeader(lensMember));
    writeIdx(lensHeader);
  };

  const commit = (description: TokenFileDescription): TokenFileMeta => {
    requireOpen(state, prefix);
    const meta: TokenFileMeta = {
      format: "codekiln-tokens-1",
      tokenizer: description.tokenizer,
      vocab_size: vocabSize,
      eos_id: description.eos_id,
      append_eos: description.append_eos,
      documents,
      tokens,
      text_bytes: textBytes,
      corpus_fingerprint: description.corpus_fingerprint,
      options: description.options,
      ...(description.corpus ? { corpus: description.corpus } : {}),
    };
    const renamed: string[] = [];
    try {
      flushIds();
      idsFile.seekSync(0, Deno.SeekMode.Start);
      writeFully(idsFile, encodeNpyHeader(dtype, tokens), partialName(paths.ids));
      finishIdx();
      writeMeta(paths.meta, meta);
      idsFile.syncSync();
      idxFile.syncSync();
      removeIfPresent(paths.idx); // an older set is incomplete from here on
      for (const path of [paths.ids, paths.meta, paths.idx]) {
        Deno.renameSync(partialName(path), path);
        renamed.push(path);
      }
    } catch (error) {
      for (const path of renamed) removeIfPresent(path);
      abort();
      if (error instanceof CodekilnError) throw error;
      throw new CodekilnError(`cannot finish the token file: ${reason(error)}`, { where: prefix, cause: error });
    }
    state = "committed";
    idsFile.close();
    idxFile.close();
    return meta;
  };

  try {
    writeFully(idsFile, encodeNpyHeader(dtype, 0), partialName(paths.ids));
    writeIdx(new Uint8Array(localHeaderBytes("lens.npy") + npyHeaderBytes)); // patched by commit
  } catch (error) {
    abort();
    throw error;
  }
  return {
    get documents() {
      return documents;
    },
    get tokens() {
      return tokens;
    },
    get textBytes() {
      return textBytes;
    },
    append(document, documentBytes, eosId) {
      requireOpen(state, prefix);
      const length = document.length + (eosId === undefined ? 0 : 1);
      if (length > maxDocumentTokens) {
        throw new CodekilnError(`a document of ${length} tokens`, {
          where: prefix,
          expected: `at most ${maxDocumentTokens}`,
        });
      }
      try {
        for (let i = 0; i < document.length; i++) put(document[i]);
        if (eosId !== undefined) put(eosId);
        if (lenCount === lens.length) flushLens();
      } catch (error) {
        abort();
        throw error;
      }
      lens[lenCount++] = length;
      documents++;
      tokens += length;
      textBytes += documentBytes;
    },
    commit,
    abort,
    [Symbol.dispose]: abort,
  };
}

function requireOpen(state: string, prefix: string): void {
  if (state !== "open") throw new CodekilnError(`the token file was already ${state}`, { where: prefix });
}

/** Opens and empties a partial file, alone: two writers of one prefix would mix their bytes. */
function openPartial(path: string): Deno.FsFile {
  const partial = partialName(path);
  let file: Deno.FsFile;
  try {
    const folder = path.replace(/[^/\\]*$/, "");
    if (folder !== "") Deno.mkdirSync(folder, { recursive: true });
    file = Deno.openSync(partial, { create: true, write: true, read: true });
  } catch (cause) {
    throw new UserError(`cannot create the file: ${reason(cause)}`, { where: partial, cause });
  }
  try {
    if (!file.tryLockSync(true)) {
      throw new UserError("another process is writing this file", {
        where: partial,
        hint: "wait for it, or give another --output_prefix",
      });
    }
    file.truncateSync(0);
  } catch (error) {
    file.close();
    throw error;
  }
  return file;
}

function writeMeta(path: string, meta: TokenFileMeta): void {
  const partial = partialName(path);
  using file = Deno.openSync(partial, { create: true, write: true, truncate: true });
  writeFully(file, new TextEncoder().encode(`${JSON.stringify(meta, null, 2)}\n`), partial);
  file.syncSync();
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

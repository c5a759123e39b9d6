/**
 * Writes a token file: `<prefix>_ids.npy`, `<prefix>_idx.npz` and `<prefix>_meta.json`.
 *
 * Ids and document lengths go straight to disk behind headers whose size is known, and the headers are patched at the end: memory
 * does not grow with the corpus. The files bear a `.partial` name until `commit`, which renames the description last. A writer can be
 * suspended, and another one can go on where its files stood at any `state`.
 */

import { crc32 } from "node:zlib";
import { CodekilnError } from "../errors.ts";
import { partialName, reason, removeIfPresent, writeFully } from "../files.ts";
import { type TokenFileMeta, tokenFilePaths } from "./meta.ts";
import { finishIndex, lensOffset } from "./npz_index.ts";
import { encodeNpyHeader, itemBytes, type NpyDtype, npyHeaderBytes } from "./npy.ts";
import { openPartial, publishPartials, removePartials, writePartialMeta } from "./partial_files.ts";

/** What the writer cannot count itself. */
export type TokenFileDescription = Omit<
  TokenFileMeta,
  "format" | "vocab_size" | "documents" | "tokens" | "text_bytes"
>;

/** How far the partial files have come. */
export interface WriterState {
  readonly documents: number;
  readonly tokens: number;
  readonly textBytes: number;
  /** CRC-32 of the lengths so far. */
  readonly lensCrc: number;
}

/** An unfinished token file. Declared with `using`, it is removed unless it was committed or suspended. */
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
  /**
   * Adds documents that are known to be in the vocabulary.
   * @param ids All their tokens, in the type of the file.
   * @param lens Tokens of each.
   * @throws {CodekilnError} where the disk is full; the files stand as at the last `state` and some more.
   */
  appendAll(ids: Uint16Array | Int32Array, lens: Int32Array, textBytes: number): void;
  /** Hands everything to the operating system and says how far the files have come. */
  state(): WriterState;
  /** Waits until what the last `state` covers is on the disk. Writing may go on meanwhile. */
  sync(): Promise<void>;
  /** Makes the files whole, still under their partial names. */
  prepare(description: TokenFileDescription): TokenFileMeta;
  /** Makes the files whole and gives them their final names. Existing ones are replaced. */
  commit(description: TokenFileDescription): TokenFileMeta;
  /** Closes the partial files and leaves them. */
  suspend(): void;
  /** Removes what was written. Does nothing after `commit` and `suspend`. */
  abort(): void;
}

const bufferBytes = 1 << 20;
const maxDocumentTokens = 2 ** 31 - 1;

/** The type of the ids: 16 bits while the vocabulary is under 65,535. */
export function idsDtype(vocabSize: number): NpyDtype {
  return vocabSize < 65535 ? "<u2" : "<i4";
}

/**
 * Starts a token file, or goes on with one. Its folder is made if need be.
 * @param prefix Path of the files without `_ids.npy` and so on.
 * @param options.vocabSize Every id must be below it.
 * @param options.from What an earlier writer of these files said its state was; what they hold beyond it is cut off.
 * @throws {UserError} where the files cannot be created, or another process is writing them.
 */
export function createTokenFileWriter(
  prefix: string,
  { vocabSize, from }: { vocabSize: number; from?: WriterState },
): TokenFileWriter {
  const paths = tokenFilePaths(prefix);
  const dtype = idsDtype(vocabSize);
  const idSize = itemBytes(dtype);
  const idsFile = openPartial(paths.ids, from && npyHeaderBytes + from.tokens * idSize);
  let idxFile: Deno.FsFile;
  try {
    idxFile = openPartial(paths.idx, from && lensOffset + from.documents * 4);
  } catch (error) {
    idsFile.close();
    if (!from) removeIfPresent(partialName(paths.ids));
    throw error;
  }
  let state: "open" | "prepared" | "committed" | "suspended" | "aborted" = "open";
  let { documents, tokens, textBytes, lensCrc } = from ?? { documents: 0, tokens: 0, textBytes: 0, lensCrc: 0 };

  const idsBytes = new Uint8Array(bufferBytes);
  const ids = idSize === 2 ? new Uint16Array(idsBytes.buffer) : new Int32Array(idsBytes.buffer);
  let idCount = 0;
  const lensBytes = new Uint8Array(bufferBytes);
  const lens = new Int32Array(lensBytes.buffer);
  let lenCount = 0;

  const writeIds = (bytes: Uint8Array) => writeFully(idsFile, bytes, partialName(paths.ids));
  const writeIdx = (bytes: Uint8Array) => writeFully(idxFile, bytes, partialName(paths.idx));
  const flushIds = () => {
    writeIds(idsBytes.subarray(0, idCount * idSize));
    idCount = 0;
  };
  const flushLens = () => {
    const bytes = lensBytes.subarray(0, lenCount * 4);
    lensCrc = crc32(bytes, lensCrc);
    writeIdx(bytes);
    lenCount = 0;
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
  const putLength = (length: number) => {
    if (lenCount === lens.length) flushLens();
    lens[lenCount++] = length;
    documents++;
    tokens += length;
  };
  const close = () => {
    idsFile.close();
    idxFile.close();
  };
  const abort = () => {
    if (state !== "open" && state !== "prepared") return;
    state = "aborted";
    close();
    removePartials(prefix);
  };

  const prepare = (description: TokenFileDescription): TokenFileMeta => {
    requireOpen(state, prefix);
    const { tokenizer, eos_id, append_eos, ...rest } = description;
    const meta: TokenFileMeta = {
      format: "codekiln-tokens-1",
      tokenizer,
      vocab_size: vocabSize,
      eos_id,
      append_eos,
      documents,
      tokens,
      text_bytes: textBytes,
      ...rest,
    };
    flushIds();
    idsFile.seekSync(0, Deno.SeekMode.Start);
    writeIds(encodeNpyHeader(dtype, tokens));
    flushLens();
    finishIndex(idxFile, { documents, lensCrc }, writeIdx);
    writePartialMeta(paths.meta, meta);
    idsFile.syncSync();
    idxFile.syncSync();
    state = "prepared";
    return meta;
  };

  const commit = (description: TokenFileDescription): TokenFileMeta => {
    const renamed: string[] = [];
    try {
      const meta = prepare(description);
      publishPartials(prefix, (path) => renamed.push(path));
      state = "committed";
      close();
      return meta;
    } catch (error) {
      for (const path of renamed) removeIfPresent(path);
      abort();
      if (error instanceof CodekilnError) throw error;
      throw new CodekilnError(`cannot finish the token file: ${reason(error)}`, { where: prefix, cause: error });
    }
  };

  if (!from) {
    try {
      writeIds(encodeNpyHeader(dtype, 0));
      writeIdx(new Uint8Array(lensOffset)); // patched at the end
    } catch (error) {
      abort();
      throw error;
    }
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
        putLength(length);
      } catch (error) {
        abort();
        throw error;
      }
      textBytes += documentBytes;
    },
    appendAll(documentIds, documentLens, documentBytes) {
      requireOpen(state, prefix);
      if (documentIds.BYTES_PER_ELEMENT !== idSize) throw new TypeError(`ids of ${prefix} are of type ${dtype}`);
      flushIds();
      writeIds(new Uint8Array(documentIds.buffer, documentIds.byteOffset, documentIds.byteLength));
      for (const length of documentLens) putLength(length);
      textBytes += documentBytes;
    },
    state() {
      requireOpen(state, prefix);
      flushIds();
      flushLens();
      return { documents, tokens, textBytes, lensCrc };
    },
    async sync() {
      for (const path of [paths.ids, paths.idx]) {
        // A handle of its own: the runtime refuses to write through one that is being synced.
        using file = await Deno.open(partialName(path), { write: true });
        await file.syncData();
      }
    },
    prepare,
    commit,
    suspend() {
      if (state !== "open" && state !== "prepared") return;
      state = "suspended";
      close();
    },
    abort,
    [Symbol.dispose]: abort,
  };
}

function requireOpen(state: string, prefix: string): void {
  if (state !== "open") throw new CodekilnError(`the token file was already ${state}`, { where: prefix });
}

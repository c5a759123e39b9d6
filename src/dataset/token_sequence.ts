/**
 * All token files of a folder as one sequence of documents and tokens, in the order of their names.
 */

import { createHash } from "node:crypto";
import { UserError } from "../errors.ts";
import { reason } from "../files.ts";
import type { TokenFileMeta } from "./meta.ts";
import { type SplitPart, splitParts } from "./split.ts";
import { openTokenFile, type TokenFile } from "./token_reader.ts";

/** Token files back to back. */
export interface TokenSequence extends Disposable {
  /** The files' prefixes in order. */
  readonly prefixes: readonly string[];
  readonly documents: number;
  readonly tokens: number;
  /** The first file's description, whose tokenizer is every file's; null where the files have none. */
  readonly meta: TokenFileMeta | null;
  /** SHA-256, hex, over the files' counts and, where known, tokenizers and corpora: changes when the data do. */
  readonly fingerprint: string;
  /** Reads `count` ids from place `start` on into `out`, from `outOffset` on. */
  read(start: number, count: number, out: Uint32Array, outOffset?: number): void;
  /** Of data that were split by document hash: each part's files as a sequence of their own; null for others. */
  readonly parts: ReadonlyMap<SplitPart, TokenSequence> | null;
  /** Token offsets at which the documents start, `documents` included. Checks all indexes. In any order. */
  documentOffsets(documents: readonly number[]): Promise<Map<number, number>>;
  close(): void;
}

/**
 * Opens every pair of `*_ids.npy` and `*_idx.npz` in a folder.
 * @param vocabSize Ids at or above it are an error when read.
 * @throws {UserError} where there is no pair, a file lacks its other half, or tokenizers differ.
 * @throws {FormatError} where a file is damaged.
 */
export async function openTokenSequence(folder: string, vocabSize?: number): Promise<TokenSequence> {
  const prefixes = findPrefixes(folder);
  const files: TokenFile[] = [];
  try {
    for (const prefix of prefixes) files.push(await openTokenFile(prefix, { vocabSize }));
    requireOneTokenizer(files);
    requireSplitThroughout(files);
  } catch (error) {
    for (const file of files) file.close();
    throw error;
  }
  return { ...concatenate(files), parts: partsOf(files) };
}

/** The files by the part that their descriptions say they are. */
function partsOf(files: readonly TokenFile[]): TokenSequence["parts"] {
  if (files.every(({ meta }) => meta?.split === undefined)) return null;
  const parts = new Map<SplitPart, TokenSequence>();
  for (const part of splitParts) {
    const own = files.filter(({ meta }) => meta?.split?.part === part);
    if (own.length > 0) parts.set(part, { ...concatenate(own), parts: null });
  }
  return parts;
}

function requireSplitThroughout(files: readonly TokenFile[]): void {
  const split = files.find(({ meta }) => meta?.split !== undefined);
  const whole = files.find(({ meta }) => meta?.split === undefined);
  if (split === undefined || whole === undefined) return;
  throw new UserError(
    `it is not split, but ${split.prefix} is the ${split.meta?.split?.part} part of a split by hash`,
    {
      where: whole.prefix,
      expected: "either all files of the folder split by codekiln data --split_by_hash, or none",
      hint: "put them into different folders",
    },
  );
}

function findPrefixes(folder: string): string[] {
  let names: string[];
  try {
    names = [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();
  } catch (cause) {
    throw new UserError(`cannot read the folder: ${reason(cause)}`, {
      where: `--input_dir ${folder}`,
      expected: "a folder with *_ids.npy and *_idx.npz files",
      cause,
    });
  }
  const having = (suffix: string) =>
    names.filter((name) => name.endsWith(suffix)).map((name) => name.slice(0, -suffix.length));
  const ids = having("_ids.npy");
  const idx = new Set(having("_idx.npz"));
  const alone = ids.filter((name) => !idx.has(name)).map((name) => [`${name}_ids.npy`, `${name}_idx.npz`]);
  for (const name of idx) if (!ids.includes(name)) alone.push([`${name}_idx.npz`, `${name}_ids.npy`]);
  if (alone.length > 0) {
    throw new UserError(`${alone[0][0]} is there without ${alone[0][1]}`, {
      where: `--input_dir ${folder}`,
      hint: "the two belong together: write them again with codekiln data, or move the one away",
    });
  }
  if (ids.length === 0) {
    throw new UserError("no token files in the folder", {
      where: `--input_dir ${folder}`,
      expected: "files named *_ids.npy and *_idx.npz",
      hint: `codekiln data --input YOUR_CODE --output_prefix ${folder.replace(/[/\\]$/, "")}/code --tokenizer gpt2`,
    });
  }
  return ids.map((name) => `${folder.replace(/[/\\]$/, "")}/${name}`);
}

function requireOneTokenizer(files: readonly TokenFile[]): void {
  const [first] = files;
  for (const file of files) {
    const [a, b] = [first.meta?.tokenizer, file.meta?.tokenizer];
    if (a?.fingerprint === b?.fingerprint && first.meta?.vocab_size === file.meta?.vocab_size) continue;
    const of = (tokenizer: typeof a) =>
      tokenizer === undefined ? "an unknown tokenizer (no _meta.json)" : tokenizer.name;
    throw new UserError(`the tokens are of ${of(b)}, those of ${first.prefix} of ${of(a)}`, {
      where: file.prefix,
      expected: "one tokenizer for all files of the folder",
      hint: "put files of different tokenizers into different folders",
    });
  }
}

function concatenate(files: readonly TokenFile[]): Omit<TokenSequence, "parts"> {
  const firstTokens = [0];
  const firstDocuments = [0];
  for (const [i, file] of files.entries()) {
    firstTokens.push(firstTokens[i] + file.tokens);
    firstDocuments.push(firstDocuments[i] + file.documents);
  }
  const documents = firstDocuments[files.length];
  const tokens = firstTokens[files.length];
  const hash = createHash("sha256");
  for (const { meta, documents, tokens } of files) {
    hash.update(JSON.stringify([documents, tokens, meta?.tokenizer.fingerprint, meta?.corpus_fingerprint]));
  }
  const close = () => files.forEach((file) => file.close());
  return {
    prefixes: files.map((file) => file.prefix),
    documents,
    tokens,
    meta: files[0].meta,
    fingerprint: hash.digest("hex"),
    read(start, count, out, outOffset = 0) {
      if (!(start >= 0 && start + count <= tokens)) {
        throw new RangeError(`ids ${start} to ${start + count} of ${tokens}`);
      }
      let at = start;
      const end = start + count;
      for (let i = 0; i < files.length && at < end; i++) {
        const here = Math.min(end, firstTokens[i + 1]) - at;
        if (here <= 0) continue;
        files[i].read(at - firstTokens[i], here, out, outOffset + at - start);
        at += here;
      }
    },
    async documentOffsets(wanted) {
      const marks = [...new Set(wanted)].sort((a, b) => a - b);
      const offsets = new Map<number, number>();
      for (const [i, file] of files.entries()) {
        const here = marks.filter((mark) => mark >= firstDocuments[i] && mark <= firstDocuments[i + 1]);
        const local = await file.documentOffsets(here.map((mark) => mark - firstDocuments[i]));
        for (const [j, mark] of here.entries()) offsets.set(mark, firstTokens[i] + local[j]);
      }
      return offsets;
    },
    close,
    [Symbol.dispose]: close,
  };
}

/**
 * The token files that a corpus is written to: one, or one for each part of a split by document hash. Takes encoded blocks in order,
 * sends each document where it belongs, and counts what the descriptions say.
 */
import { countLanguage, type LanguageCounts, requireContent } from "./build.ts";
import { type EncodedBlocks, hashOf } from "./encode_block.ts";
import { createFingerprint, type Fingerprint } from "./fingerprint.ts";
import { type HashSplit, hashSplitParts, partOfHash } from "./hash_split.ts";
import type { Checkpoint } from "./journal.ts";
import type { TokenFileMeta } from "./meta.ts";
import { publishPartials, removePartials, removeTokenFile } from "./partial_files.ts";
import { createTokenFileWriter, type TokenFileDescription, type TokenFileWriter } from "./token_writer.ts";

/** A finished token file. */
export interface WrittenFile {
  readonly prefix: string;
  readonly meta: TokenFileMeta;
}

/** The files being written. Declared with `using`, they are removed unless they were published or suspended. */
export interface TokenFiles extends Disposable {
  readonly documents: number;
  readonly tokens: number;
  readonly textBytes: number;
  /** Adds those documents that `admit` lets pass; it is asked for each in order. */
  add(block: EncodedBlocks, admit: (document: number) => boolean): void;
  /** What a checkpoint says of the files; everything is handed to the operating system. */
  state(): Checkpoint["files"];
  /** Waits until what the last `state` covers is on the disk. */
  sync(): Promise<void>;
  /** Makes the files whole, those without a document removed. */
  prepare(description: Omit<TokenFileDescription, "corpus_fingerprint" | "languages" | "split">): WrittenFile[];
  /** Closes the partial files and leaves them. */
  suspend(): void;
}

interface Output {
  readonly prefix: string;
  readonly writer: TokenFileWriter;
  readonly fingerprint: Fingerprint;
  readonly languages: LanguageCounts;
  readonly split: TokenFileMeta["split"];
}

/** The prefixes that a run writes. */
export function outputPrefixes(prefix: string, split: HashSplit | null): string[] {
  return split === null ? [prefix] : hashSplitParts(split).map((part) => `${prefix}_${part}`);
}

/**
 * @param options.from What the last checkpoint said of the files.
 * @throws {UserError} where the files cannot be created, or another process is writing them.
 */
export function createTokenFiles(
  prefix: string,
  { vocabSize, split, from }: { vocabSize: number; split: HashSplit | null; from: Checkpoint["files"] | null },
): TokenFiles {
  const parts = split === null ? [null] : hashSplitParts(split);
  const outputs: Output[] = [];
  const abort = () => {
    for (const { writer } of outputs) {
      if (from) writer.suspend();
      else writer.abort();
    }
  };
  try {
    for (const [i, name] of outputPrefixes(prefix, split).entries()) {
      const earlier = from?.[i];
      const part = parts[i];
      outputs.push({
        prefix: name,
        writer: createTokenFileWriter(name, { vocabSize, from: earlier?.state }),
        fingerprint: createFingerprint(earlier?.fingerprint),
        languages: structuredClone(earlier?.languages ?? {}),
        split: split && part ? { part, weights: [...split.weights], seed: split.seed } : undefined,
      });
    }
  } catch (error) {
    abort();
    throw error;
  }
  const sum = (of: (writer: TokenFileWriter) => number) => outputs.reduce((total, { writer }) => total + of(writer), 0);

  /** Appends the documents from `first` to before `end`, whose ids start at `start`. */
  const append = (
    output: Output,
    block: EncodedBlocks,
    { first, end, start, ids }: { first: number; end: number; start: number; ids: number },
  ): void => {
    let bytes = 0;
    for (let i = first; i < end; i++) {
      const textBytes = block.textBytes[i];
      bytes += textBytes;
      output.fingerprint.add(hashOf(block, i), textBytes);
      countLanguage(output.languages, block.languageNames[block.languages[i]] ?? "unknown", textBytes);
    }
    output.writer.appendAll(block.ids.subarray(start, start + ids), block.lens.subarray(first, end), bytes);
  };

  return {
    get documents() {
      return sum(({ documents }) => documents);
    },
    get tokens() {
      return sum(({ tokens }) => tokens);
    },
    get textBytes() {
      return sum(({ textBytes }) => textBytes);
    },
    add(block, admit) {
      const places = Array.from(
        block.lens,
        (_, i) => !admit(i) ? -1 : split === null ? 0 : partOfHash(split, hashOf(block, i)),
      );
      let start = 0;
      for (let first = 0; first < places.length;) {
        const place = places[first];
        let end = first;
        let ids = 0;
        for (; end < places.length && places[end] === place; end++) ids += block.lens[end];
        if (place >= 0) append(outputs[place], block, { first, end, start, ids });
        start += ids;
        first = end;
      }
    },
    state: () =>
      outputs.map(({ writer, fingerprint, languages }) => ({
        state: writer.state(),
        fingerprint: fingerprint.state(),
        languages: structuredClone(languages),
      })),
    async sync() {
      await Promise.all(outputs.map(({ writer }) => writer.sync()));
    },
    prepare(description) {
      requireContent({ documents: sum(({ documents }) => documents), tokens: sum(({ tokens }) => tokens) });
      const written: WrittenFile[] = [];
      for (const { prefix, writer, fingerprint, languages, split } of outputs) {
        if (writer.tokens === 0) continue;
        const meta = writer.prepare({ ...description, corpus_fingerprint: fingerprint.value(), languages, split });
        written.push({ prefix, meta });
      }
      return written;
    },
    suspend() {
      for (const { writer } of outputs) writer.suspend();
    },
    [Symbol.dispose]() {
      for (const { writer } of outputs) writer.abort();
    },
  };
}

/** Gives prepared files their final names; can be called again after it was interrupted anywhere. */
export function publishAll(prefixes: readonly string[], empty: readonly string[]): void {
  for (const prefix of empty) {
    removeTokenFile(prefix);
    removePartials(prefix);
  }
  for (const prefix of prefixes) publishPartials(prefix);
}

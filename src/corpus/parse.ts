/**
 * From blocks to documents: parses, decodes, and filters. The work for one block depends on nothing but the block, so it
 * can be done in any thread. What needs the order of the documents, finding duplicates and counting what is given out,
 * comes after it: `createGate`.
 */
import type { FormatError } from "../errors.ts";
import type { Block } from "./block.ts";
import { stopping } from "./damage.ts";
import { type ContentHash, createContentHash, type Deduplicator } from "./deduplicate.ts";
import { createDocumentFilter, type DocumentFilterOptions } from "./document_filter.ts";
import type { Document } from "./document.ts";
import { createFilter } from "./filter.ts";
import { languageOfPath, normaliseLanguage } from "./languages.ts";
import type { RoomSource } from "./json_memory.ts";
import { createLineParser } from "./lines.ts";
import { type CorpusReport, countDocument, type DropReason } from "./report.ts";
import { decodeText, mendUtf8 } from "./text.ts";

/** How blocks are parsed. Plain data, to be sent to other threads. */
export interface ParseOptions extends DocumentFilterOptions {
  /** Globs: documents whose own path (a field of a line or row) does not match are left out. */
  include?: readonly string[];
  /** Globs of paths that are left out; wins over `include`. */
  exclude?: readonly string[];
  /** Key of the text in jsonl lines, and name of the column in tables; default `text`. */
  jsonKey?: string;
  /** Longest document (and jsonl line), bytes; a longer one is an error. Default 256 MiB. */
  maxDocumentBytes?: number;
  /** What happens to documents that are not valid in their encoding: U+FFFD in those places (default), or left out. */
  undecodable?: "replace" | "skip";
  /** What happens at damaged data: an error (default), or it is left out, counted and told. */
  onError?: "stop" | "skip";
  /** Whether duplicates are left out, so that documents need their hashes. */
  deduplicate?: boolean;
}

export const DEFAULT_MAX_DOCUMENT_BYTES = 256 * 1024 * 1024;

/** A document that passed the filters. Its text is good while it is handed over. */
export interface ParsedDocument extends Document {
  /** Whether U+FFFD stands for something that could not be decoded. */
  readonly undecodable: boolean;
  /** Where duplicates are left out. */
  readonly hash: ContentHash | null;
}

/** What came of a block besides its documents. */
export interface ParsedBlock {
  /** How many documents were left out, by reason. */
  readonly dropped: Partial<Record<DropReason, number>>;
  /** What was damaged and left out, with `onError: "skip"`. */
  readonly damaged: readonly FormatError[];
}

/**
 * Hands over the documents of a block, in order.
 * @throws FormatError for damaged data, unless `onError` is `skip`.
 */
export type BlockParser = (block: Block, onDocument: (document: ParsedDocument) => void) => ParsedBlock;

/**
 * A parser of blocks.
 * @param room Where texts that have to be unescaped are to be written; default: anywhere. Its memory may grow while a document is handed
 * over.
 * @throws UserError for unusable options.
 */
export async function createBlockParser(options: ParseOptions = {}, room?: RoomSource): Promise<BlockParser> {
  const names = createFilter(options.include ?? [], options.exclude ?? []);
  const filter = createDocumentFilter(options);
  const contentHash = options.deduplicate ? await createContentHash() : null;
  let use: (document: ParsedDocument) => void = () => {};
  let dropped: ParsedBlock["dropped"] = {};
  let damaged: FormatError[] = [];

  const drop = (reason: DropReason): void => {
    dropped[reason] = (dropped[reason] ?? 0) + 1;
  };
  const accept = (document: Document, undecodable: boolean): void => {
    const reason = undecodable && options.undecodable === "skip" ? "skippedUndecodable" : filter(document);
    if (reason !== null) return drop(reason);
    const { text, path, language } = document;
    use({ text, path, language, undecodable, hash: contentHash && contentHash(text) });
  };
  /** For a line or a row: its own path decides, or, where it has none, the name of what it is in. */
  const acceptNamed = (
    text: Uint8Array,
    undecodable: boolean,
    place: { path: string | null; language: string | null },
    instead: string,
    namePasses: boolean,
  ): void => {
    const { path, language } = place;
    if (path === null ? !namePasses : !names.document(path)) return drop("skippedFiltered");
    const named = language === null ? null : normaliseLanguage(language);
    accept(
      { text, path: path ?? instead, language: named ?? (path === null ? null : languageOfPath(path)) },
      undecodable,
    );
  };

  const parseLines = createLineParser({
    key: options.jsonKey ?? "text",
    maxLineBytes: options.maxDocumentBytes ?? DEFAULT_MAX_DOCUMENT_BYTES,
    room,
    onBlankLine: () => drop("skippedEmpty"),
    onDamage: (error) => {
      if (options.onError !== "skip") throw stopping(error);
      damaged.push(error);
    },
  });

  return (block, onDocument) => {
    use = onDocument;
    dropped = {};
    damaged = [];
    switch (block.kind) {
      case "lines":
        parseLines(
          block,
          (line) => acceptNamed(line.text, line.undecodable, line, `${block.label}:${line.line}`, block.namePasses),
        );
        break;
      case "file": {
        const { text, undecodable } = decodeText(block.bytes);
        accept({ text, path: block.label, language: languageOfPath(block.name) }, undecodable);
        break;
      }
      case "rows": {
        let at = 0;
        block.lengths.forEach((length, i) => {
          if (length < 0) return drop("skippedEmpty");
          const text = block.bytes.subarray(at, at += length);
          const mended = mendUtf8(text);
          const place = { path: block.paths[i], language: block.languages[i] };
          acceptNamed(mended ?? text, mended !== null, place, `${block.label}:${block.row + i}`, block.namePasses);
        });
        break;
      }
    }
    return { dropped, damaged };
  };
}

/** Decides, in the order of the corpus, which of the parsed documents are given out, and keeps the report. */
export interface Gate {
  /** Counts what was left out of a block. */
  count(block: ParsedBlock): void;
  /** Whether a document is given out; to be asked once for every document, in order. Counts it. */
  admit(document: Pick<ParsedDocument, "language" | "undecodable" | "hash"> & { textBytes: number }): boolean;
}

/**
 * A gate.
 * @param onDamage Told of what was damaged and left out.
 */
export function createGate(
  report: CorpusReport,
  deduplicator: Deduplicator | null,
  onDamage: (error: FormatError) => void,
): Gate {
  return {
    count({ dropped, damaged }) {
      for (const [reason, count] of Object.entries(dropped)) report[reason as DropReason] += count;
      for (const error of damaged) onDamage(error);
    },
    admit({ language, undecodable, hash, textBytes }) {
      if (deduplicator !== null && hash !== null) {
        const isNew = deduplicator.isNew(hash);
        report.unnotedDuplicates = deduplicator.unnoted;
        if (!isNew) {
          report.skippedDuplicates++;
          return false;
        }
      }
      if (undecodable) report.replacedUndecodable++;
      countDocument(report, language, textBytes);
      return true;
    },
  };
}

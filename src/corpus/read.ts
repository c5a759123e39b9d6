/**
 * The public door of the corpus room: files, folders, archives and standard input as one stream of documents.
 *
 * Order is fixed by the inputs alone: the paths as given, folders in name order, archives and jsonl in their own order.
 * Memory is bounded by the largest document (`maxDocumentBytes`), not by the corpus. Any damage to the data is an error
 * that names file and byte offset, or is left out, counted and told; whatever is left out by rule is counted.
 *
 * Three steps make it: `readBlocks` cuts the inputs into blocks, a block parser (parse.ts) makes documents of each, in
 * any thread, and a gate decides, in order, which are given out.
 */
import type { FormatError, UserError } from "../errors.ts";
import type { Block } from "./block.ts";
import type { ReadContext } from "./content.ts";
import { stopping } from "./damage.ts";
import { createDeduplicator } from "./deduplicate.ts";
import type { Document } from "./document.ts";
import { createFilter } from "./filter.ts";
import type { BlockBuffers } from "./jsonl.ts";
import {
  createBlockParser,
  createGate,
  DEFAULT_MAX_DOCUMENT_BYTES,
  type Gate,
  type ParsedDocument,
  type ParseOptions,
} from "./parse.ts";
import { createPlace, type ReadCursor } from "./place.ts";
import { type CorpusReport, createReport } from "./report.ts";
import { readInputs } from "./sources.ts";
import type { ZstdDecoder } from "./zstd_decoders.ts";

/**
 * What is read, and what of it is left out.
 *
 * `include` and `exclude` here also choose files: of what is found in folders and archives, only matches are read. A file
 * that is named by itself is always read. Archives and jsonl files need not match; what is in them does.
 */
export interface ReadCorpusOptions extends ParseOptions {
  /** Cap on the memory for finding duplicates, bytes; default 256 MiB. See deduplicate.ts for what happens beyond. */
  maxDeduplicateBytes?: number;
  /**
   * What compressed inputs may inflate to: an input that gives out more than `bytes` and more than `ratio` times its own
   * size is taken for a decompression bomb, an error. Default: 1 GiB and 1000 times.
   */
  maxInflation?: { bytes?: number; ratio?: number };
  /** What the path `-` reads; default Deno.stdin. */
  stdin?: ReadableStream<Uint8Array>;
  signal?: AbortSignal;
  /** Called with the live report, at most ten times a second, and once at the end. */
  onProgress?: (report: CorpusReport) => void;
  /** Told, in words, of every piece of damage that is left out with `onError: "skip"`. */
  onDamage?: (what: string) => void;
  /** Which zstd decoder; default `auto`. */
  decoder?: ZstdDecoder;
}

export interface Corpus {
  /** The documents, to be iterated once. Reading begins with the iteration. */
  documents: AsyncIterable<Document>;
  /** Live counters. */
  report: CorpusReport;
}

/** The blocks of a corpus, and the gate that their documents have to pass; for those who parse blocks in threads of their own. */
export interface CorpusBlocks {
  /** To be iterated once. Reading begins with the iteration. */
  blocks: AsyncIterable<Block>;
  gate: Gate;
  /** Live counters; documents are counted by the gate. */
  report: CorpusReport;
  /** The place behind the last block. */
  cursor: () => ReadCursor;
  /** Gives back the buffer of a block that is done with, to be filled again: a new one costs a page fault for every 4 KiB. */
  reuse: (buffer: ArrayBuffer) => void;
}

const PROGRESS_MS = 100;
/** Buffers that are kept to be filled again. */
const MAX_SPARES = 8;
const MIN_SPARE_BYTES = 512 * 1024;
const MAX_SPARE_BYTES = 8 * MIN_SPARE_BYTES;
const DEFAULT_MAX_DEDUPLICATE_BYTES = 256 * 1024 * 1024;
const DEFAULT_INFLATION = { bytes: 1024 ** 3, ratio: 1000 };

/**
 * Reads a corpus.
 *
 * @param paths Files, folders, or `-` for standard input.
 * @throws UserError (from the iteration) for a missing path, an unusable option or an input that cannot be a corpus.
 * @throws FormatError (from the iteration) for damaged data, naming file and byte offset.
 * @throws the signal's reason, when it is aborted.
 * @example
 * ```ts
 * import { readCorpus } from "./read.ts";
 * const { documents, report } = readCorpus(["src", "mod.ts"], { include: ["*.ts"] });
 * for await (const document of documents) console.log(document.path, document.text.length);
 * console.log(report.skippedBinary);
 * ```
 */
export function readCorpus(paths: readonly string[], options: ReadCorpusOptions = {}): Corpus {
  const corpus = readBlocks(paths, options);
  return { documents: documentsOf(corpus, options), report: corpus.report };
}

async function* documentsOf(
  { blocks, gate, reuse }: CorpusBlocks,
  options: ReadCorpusOptions,
): AsyncGenerator<Document> {
  const { signal } = options;
  const parse = await createBlockParser(options);
  /** Texts of one block of lines. Each gets an array of its own only when it is given out: what lives longer is collected later. */
  let texts = new Uint8Array(0);
  for await (const block of blocks) {
    const isLines = block.kind === "lines";
    if (isLines && texts.length < block.bytes.length) texts = new Uint8Array(block.bytes.length);
    let used = 0;
    const documents: ParsedDocument[] = [];
    const keep = (document: ParsedDocument): void => {
      const { length } = document.text;
      if (!isLines) return void documents.push(document);
      const fits = used + length <= texts.length; // one that was mended may be longer than its line
      const text = fits ? texts.subarray(used, used += length) : new Uint8Array(length);
      text.set(document.text);
      documents.push({ ...document, text });
    };
    gate.count(parse(block, keep));
    if (isLines) reuse(block.bytes.buffer);
    for (const { text, path, language, undecodable, hash } of documents) {
      signal?.throwIfAborted();
      if (!gate.admit({ language, undecodable, hash, textBytes: text.length })) continue;
      yield { text: isLines ? text.slice() : text, path, language };
    }
  }
}

/**
 * Reads a corpus as blocks, to be parsed with `createBlockParser(options)`. For every block, in order, `gate.count` is to
 * be called with what came of it, and `gate.admit` for each of its documents.
 * @param from Where an earlier reading stopped, and what it had counted there: goes on from that place.
 * @throws what `readCorpus` throws, from the iteration and from the gate.
 */
export function readBlocks(
  paths: readonly string[],
  options: ReadCorpusOptions = {},
  from: { cursor: ReadCursor; report: CorpusReport } | null = null,
): CorpusBlocks {
  const report = createReport();
  const place = createPlace(report, from);
  const damage = createDamageReport(report, options);
  const buffers = createBuffers();
  const context: ReadContext = {
    report,
    filter: createFilter(options.include ?? [], options.exclude ?? []),
    jsonKey: options.jsonKey ?? "text",
    maxDocumentBytes: options.maxDocumentBytes ?? DEFAULT_MAX_DOCUMENT_BYTES,
    maxFileSize: options.maxFileSize ?? Infinity,
    decoder: options.decoder ?? "auto",
    signal: options.signal,
    damage,
    buffers,
    inflated: () => {},
  };
  const inflation = { ...DEFAULT_INFLATION, ...options.maxInflation };
  const inputs = readInputs(paths, context, { stdin: options.stdin, inflation, place });
  return {
    blocks: withProgress(inputs, report, options.onProgress),
    gate: createCorpusGate(report, options),
    report,
    cursor: place.cursor,
    reuse: buffers.giveBack,
  };
}

/** Buffers of blocks, a few of which are kept to be filled again. */
function createBuffers(): BlockBuffers {
  const spares: ArrayBuffer[] = [];
  return {
    take(bytes) {
      const fits = spares.findIndex(({ byteLength }) => byteLength >= bytes);
      return fits < 0 ? new ArrayBuffer(bytes) : spares.splice(fits, 1)[0];
    },
    giveBack(buffer) {
      const useful = buffer.byteLength >= MIN_SPARE_BYTES && buffer.byteLength <= MAX_SPARE_BYTES;
      if (useful && spares.length < MAX_SPARES) spares.push(buffer);
    },
  };
}

/** A gate as the options want it, which counts into `report`. */
export function createCorpusGate(report: CorpusReport, options: ReadCorpusOptions): Gate {
  const deduplicator = options.deduplicate
    ? createDeduplicator({ maxMemoryBytes: options.maxDeduplicateBytes ?? DEFAULT_MAX_DEDUPLICATE_BYTES })
    : null;
  return createGate(report, deduplicator, createDamageReport(report, options));
}

/** Throws what is damaged, or counts and tells it where it is to be left out. */
function createDamageReport(report: CorpusReport, { onError, onDamage }: ReadCorpusOptions) {
  let last: FormatError | UserError | null = null;
  return (error: FormatError | UserError, lost?: string): void => {
    if (onError !== "skip") throw stopping(error);
    if (error === last) {
      // What a member failed with, its archive fails with too: that is one damage.
      if (lost !== undefined) onDamage?.(lost);
      return;
    }
    last = error;
    report.skippedDamaged++;
    onDamage?.(error.message + (lost === undefined ? "" : `\nLOST: ${lost}`));
  };
}

async function* withProgress(
  blocks: AsyncIterable<Block>,
  report: CorpusReport,
  onProgress: ReadCorpusOptions["onProgress"],
): AsyncGenerator<Block> {
  if (onProgress === undefined) return yield* blocks;
  let last = 0;
  for await (const block of blocks) {
    yield block;
    const now = performance.now();
    if (now - last < PROGRESS_MS) continue;
    last = now;
    onProgress(report);
  }
  onProgress(report);
}

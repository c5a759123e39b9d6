/**
 * The public door of the corpus room: files, folders, archives and standard input as one stream of documents.
 *
 * Order is fixed by the inputs alone: the paths as given, folders in name order, archives and jsonl in their own order.
 * Memory is bounded by the largest document (`maxDocumentBytes`), not by the corpus. Any damage to the data is an error
 * that names file and byte offset; whatever is left out by rule is counted in the report.
 */
import { UserError } from "../errors.ts";
import { createByteReader } from "./bytes.ts";
import { countSkipped, type ReadContext, readItem } from "./content.ts";
import type { Document } from "./document.ts";
import { createFilter, type Filter } from "./filter.ts";
import { type FoundFile, walkFolder } from "./folder.ts";
import { inputError, type InputFile, openInputFile, streamInput } from "./input.ts";
import { kindOfName } from "./kinds.ts";
import { type CorpusReport, createReport } from "./report.ts";
import type { ZstdDecoder } from "./zstd_decoders.ts";

export interface ReadCorpusOptions {
  /** Globs: of what is found in folders, archives and jsonl `path` fields, only matches are read. A file that is named
   * by itself is always read. Archives and jsonl files need not match; what is in them does. */
  include?: readonly string[];
  /** Globs of what is left out of folders and archives; wins over `include`. */
  exclude?: readonly string[];
  /** Key of the text in jsonl lines; default `text`. */
  jsonKey?: string;
  /** Documents of this many characters (code points) or fewer are left out; default 10. Empty ones always are. */
  minDocLength?: number;
  /** Longest document (and jsonl line), bytes; a longer one is an error. Default 256 MiB. */
  maxDocumentBytes?: number;
  /** What happens to documents that are not valid in their encoding: U+FFFD in those places (default), or left out. */
  undecodable?: "replace" | "skip";
  /** What the path `-` reads; default Deno.stdin. */
  stdin?: ReadableStream<Uint8Array>;
  signal?: AbortSignal;
  /** Called with the live report, at most ten times a second, and once at the end. */
  onProgress?: (report: CorpusReport) => void;
  /** Which zstd decoder; default `auto`. */
  decoder?: ZstdDecoder;
}

export interface Corpus {
  /** The documents, to be iterated once. Reading begins with the iteration. */
  documents: AsyncIterable<Document>;
  /** Live counters. */
  report: CorpusReport;
}

const PROGRESS_MS = 100;
const PREFETCHED_FILES = 8;
const DEFAULT_MAX_DOCUMENT_BYTES = 256 * 1024 * 1024;

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
  const report = createReport();
  const context: ReadContext = {
    report,
    filter: createFilter(options.include ?? [], options.exclude ?? []),
    jsonKey: options.jsonKey ?? "text",
    minDocLength: options.minDocLength ?? 10,
    maxDocumentBytes: options.maxDocumentBytes ?? DEFAULT_MAX_DOCUMENT_BYTES,
    undecodable: options.undecodable ?? "replace",
    decoder: options.decoder ?? "auto",
    signal: options.signal,
  };
  return { documents: readAll(paths, context, options), report };
}

async function* readAll(
  paths: readonly string[],
  context: ReadContext,
  options: ReadCorpusOptions,
): AsyncGenerator<Document> {
  const { report, signal } = context;
  signal?.throwIfAborted();
  if (paths.length === 0) throw new UserError("no input was given", { expected: "files, folders or -" });
  if (paths.filter((path) => path === "-").length > 1) {
    throw new UserError("standard input can only be read once", { where: "-" });
  }
  const inputs: { path: string; stat: Deno.FileInfo | null }[] = [];
  for (const path of paths) {
    try {
      inputs.push({ path, stat: path === "-" ? null : await Deno.stat(path) });
    } catch (error) {
      throw inputError(path, error);
    }
  }

  const sizing = new AbortController();
  const sized = measure(inputs, context.filter, sizing.signal).then((total) => report.totalBytes = total, () => {});
  let lastProgress = 0;
  const progress = (): void => {
    const now = performance.now();
    if (now - lastProgress < PROGRESS_MS) return;
    lastProgress = now;
    options.onProgress?.(report);
  };
  try {
    for (const { path, stat } of inputs) {
      const batches = stat === null
        ? readStdin(context, options.stdin ?? Deno.stdin.readable)
        : stat.isDirectory
        ? readFolder(context, path)
        : readFile(context, path, path, true);
      for await (const batch of batches) {
        for (const document of batch) {
          signal?.throwIfAborted();
          yield document;
        }
        if (options.onProgress) progress();
      }
    }
    await sized;
    options.onProgress?.(report);
  } finally {
    sizing.abort();
    await sized;
  }
}

type Input = { path: string; stat: Deno.FileInfo | null };

/** Bytes of all inputs as stored, or null where one is a stream. Runs beside the reading. */
async function measure(inputs: Input[], filter: Filter, signal: AbortSignal): Promise<number | null> {
  if (inputs.some(({ stat }) => stat === null || !(stat.isFile || stat.isDirectory))) return null;
  let total = 0;
  for (const { path, stat } of inputs) {
    if (stat?.isFile) total += stat.size;
    else {for await (const file of walkFolder(path, filter, () => {}, signal)) {
        total += (await Deno.lstat(file.path)).size;
      }}
  }
  return total;
}

async function* readStdin(context: ReadContext, stream: ReadableStream<Uint8Array>): AsyncGenerator<Document[]> {
  context.report.current = "-";
  const bytes = streamInput(stream, (count) => context.report.bytesRead += count, context.signal);
  yield* readItem(context, { label: "-", name: "-", reader: createByteReader(bytes), explicit: true, depth: 0 });
}

async function* readFile(
  context: ReadContext,
  path: string,
  name: string,
  explicit: boolean,
  opened?: InputFile,
): AsyncGenerator<Document[]> {
  const { report, signal } = context;
  report.current = path;
  const file = opened ?? await openInputFile(path, (bytes) => report.bytesRead += bytes, signal);
  try {
    const reader = createByteReader(file.stream());
    yield* readItem(context, { label: path, name, reader, explicit, depth: 0, randomAccess: file });
  } finally {
    file.close();
  }
}

/** Reads the files of a folder in order, the next few being opened and begun meanwhile. */
async function* readFolder(context: ReadContext, root: string): AsyncGenerator<Document[]> {
  const { report, signal } = context;
  const files = walkFolder(root, context.filter, (why) => countSkipped(report, why), signal);
  const open = async (path: string): Promise<InputFile> => {
    const file = await openInputFile(path, (bytes) => report.bytesRead += bytes, signal);
    try {
      if (kindOfName(path) !== "zip") await file.prefetch();
      return file;
    } catch (error) {
      file.close();
      throw error;
    }
  };
  const queue: { found: FoundFile; opening: Promise<InputFile> }[] = [];
  try {
    for (let walking = true; walking || queue.length > 0;) {
      while (walking && queue.length < PREFETCHED_FILES) {
        const next = await files.next();
        if (next.done) walking = false;
        else {
          const opening = open(next.value.path);
          opening.catch(() => {});
          queue.push({ found: next.value, opening });
        }
      }
      const head = queue.shift();
      if (head === undefined) return;
      yield* readFile(context, head.found.path, head.found.relative, false, await head.opening);
    }
  } finally {
    for (const { opening } of queue) await opening.then((file) => file.close(), () => {});
  }
}

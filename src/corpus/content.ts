/**
 * From one input to blocks: peels compression, opens archives, cuts jsonl into lines. Recursive, because formats stack:
 * a .tar.zst may hold a .jsonl.gz. What is in the blocks is parsed later (parse.ts), perhaps by other threads.
 */
import { FormatError, UserError } from "../errors.ts";
import type { Block } from "./block.ts";
import { createBreather } from "./breathe.ts";
import { type ByteReader, type ByteSource, type ByteStream, collect, createByteReader } from "./bytes.ts";
import type { Filter, Verdict } from "./filter.ts";
import { readGzip } from "./gzip.ts";
import { type BlockBuffers, readLines } from "./jsonl.ts";
import { type ContentKind, innerName, kindOfName } from "./kinds.ts";
import { languageOfPath } from "./languages.ts";
import type { CorpusReport } from "./report.ts";
import { readTar } from "./tar.ts";
import { sniffKind } from "./sniff.ts";
import { looksBinary, SAMPLE_BYTES } from "./text.ts";
import { type RandomAccess, readZip } from "./zip.ts";
import { readZstd } from "./zstd.ts";
import type { ZstdDecoder } from "./zstd_decoders.ts";

/** What all parts of one reading share. */
export interface ReadContext {
  report: CorpusReport;
  filter: Filter;
  jsonKey: string;
  maxDocumentBytes: number;
  /** Largest file that is taken, bytes. */
  maxFileSize: number;
  decoder: ZstdDecoder;
  signal: AbortSignal | undefined;
  /**
   * Throws the error, or, where damage is to be left out, counts and tells it and returns.
   * @param lost What is lost besides the place of the error, in words.
   */
  damage(error: FormatError | UserError, lost?: string): void;
  /** For blocks. */
  buffers: BlockBuffers;
  /** To be told of bytes that came out of a decompressor. @throws UserError for a decompression bomb. */
  inflated(bytes: number, label: string): void;
}

/** A stream of bytes with the names it goes by. */
export interface Item {
  /** In errors and in `Document.path`. */
  label: string;
  /** What tells its kind and language; compression endings are taken off layer by layer. */
  name: string;
  reader: ByteReader;
  /** Named by the user: read whatever its name, and never passed over in silence. */
  explicit: boolean;
  /** How many containers it is in. */
  depth: number;
  /** The same bytes with random access, for the outermost layer of a file. */
  randomAccess?: RandomAccess;
  /** For the outermost layer, should it be jsonl: where to begin, null for the start. */
  readOn?: () => { line: number; offset: number; bytes: ByteStream } | null;
}

const MAX_DEPTH = 8;
/** Texts up to this size are read at once: streams and readers of their own would take longer than what is in them. */
const SMALL_BYTES = 64 * 1024;
/** How often signals are let in while an archive is read: where nothing of it is taken, nobody else does that. */
const BREATH_MS = 250;

/** The blocks of one input. Closes the item's reader. */
export async function* readItem(context: ReadContext, item: Item): AsyncGenerator<Block> {
  let kind: ContentKind | null = null;
  try {
    if (item.depth > MAX_DEPTH) {
      throw new FormatError(`containers within containers, more than ${MAX_DEPTH} deep`, { where: item.label });
    }
    kind = await kindOfItem(context, item);
    yield* readKind(context, item, kind);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    context.damage(error, kind === null || kind === "text" ? undefined : `the rest of ${item.label}`);
  } finally {
    await item.reader.close();
  }
}

async function* readKind(context: ReadContext, item: Item, kind: ContentKind): AsyncGenerator<Block> {
  switch (kind) {
    case "gzip":
      return yield* readItem(context, peeled(context, item, readGzip(item.reader, item.label)));
    case "zstd": {
      const bytes = readZstd(item.reader, {
        label: item.label,
        decoder: context.decoder,
        onUncheckedFrame: () => context.report.uncheckedZstdFrames++,
      });
      return yield* readItem(context, peeled(context, item, bytes));
    }
    case "tar":
      return yield* readTarItem(context, item);
    case "zip":
      return yield* readZipItem(context, item);
    case "jsonl":
      return yield* readJsonlItem(context, item);
    case "parquet":
      return yield* readParquetItem(context, item);
    case "unsupported":
      if (item.explicit) {
        throw new UserError("this archive format is not read", {
          where: item.label,
          expected: ".zip, .tar, .gz or .zst",
          hint: "unpack it, or compress it again as .zst",
        });
      }
      context.report.skippedUnsupported++;
      return;
    case "text":
      return yield* readTextItem(context, item);
  }
}

async function kindOfItem(context: ReadContext, item: Item): Promise<ContentKind> {
  const kind = kindOfName(item.name);
  if (kind !== "text" || !item.explicit) return kind;
  return await sniffKind(item.reader, context.jsonKey, languageOfPath(item.name) === null);
}

function peeled(context: ReadContext, item: Item, bytes: ByteStream | ByteSource): Item {
  const { label, name, explicit, depth } = item;
  const reader = createByteReader(
    "fill" in bytes ? countedSource(context, bytes, label) : counted(context, bytes, label),
  );
  return { label, name: innerName(name), explicit, depth: depth + 1, reader };
}

/** The bytes of a decompressor, counted against decompression bombs. */
async function* counted(context: ReadContext, bytes: ByteStream, label: string): AsyncGenerator<Uint8Array> {
  for await (const chunk of bytes) {
    context.inflated(chunk.length, label);
    yield chunk;
  }
}

function countedSource(context: ReadContext, source: ByteSource, label: string): ByteSource {
  return {
    async fill(target) {
      const count = await source.fill(target);
      context.inflated(count, label);
      return count;
    },
    close: source.close,
  };
}

/** Counts an entry that is not taken. */
export function countSkipped(report: CorpusReport, why: Exclude<Verdict, "take"> | "link" | "special"): void {
  if (why === "hidden") report.skippedHidden++;
  else if (why === "filtered") report.skippedFiltered++;
  else if (why === "link") report.skippedLinks++;
  else if (why === "special") report.skippedSpecial++;
  else report.skippedUnsupported++;
}

async function* readTarItem(context: ReadContext, item: Item): AsyncGenerator<Block> {
  const breathe = createBreather(context.signal, BREATH_MS);
  for await (const member of readTar(item.reader, item.label)) {
    context.signal?.throwIfAborted();
    await breathe();
    if (member.kind === "directory") continue;
    const verdict = member.kind === "file" ? context.filter.file(member.name) : member.kind;
    if (verdict !== "take") countSkipped(context.report, verdict);
    else if (isSmallText(context, member, item.depth + 1)) {
      const block = await readSmallText(context, `${item.label}/${member.name}`, member.name, member.bytes);
      if (block !== null) yield block;
    } else yield* readMember(context, item, member.name, member.contents());
  }
}

async function* readZipItem(context: ReadContext, item: Item): AsyncGenerator<Block> {
  const source = item.randomAccess ?? await heldInMemory(context, item);
  if (source === null) return;
  const breathe = createBreather(context.signal, BREATH_MS);
  for await (const member of readZip(source, item.label)) {
    context.signal?.throwIfAborted();
    await breathe();
    if (member.directory) continue;
    const verdict = member.link ? "link" : context.filter.file(member.name);
    if (verdict === "take") {
      const contents = (): ByteStream => counted(context, member.contents(), item.label);
      if (isSmallText(context, member, item.depth + 1)) {
        const read = (): Promise<Uint8Array<ArrayBuffer>> => collect(contents(), member.size);
        const block = await readSmallText(context, `${item.label}/${member.name}`, member.name, read);
        if (block !== null) yield block;
      } else yield* readMember(context, item, member.name, contents());
      continue;
    }
    try {
      await member.checkName();
      countSkipped(context.report, verdict);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      context.damage(error);
    }
  }
}

function readMember(context: ReadContext, archive: Item, name: string, contents: ByteStream): AsyncGenerator<Block> {
  return readItem(context, {
    label: `${archive.label}/${name}`,
    name,
    reader: createByteReader(contents),
    explicit: false,
    depth: archive.depth + 1,
  });
}

/**
 * A zip archive has its directory at the end: one from standard input or inside another container is held whole.
 * @returns null where it is too large for that and is left out.
 */
async function heldInMemory(context: ReadContext, item: Item): Promise<RandomAccess | null> {
  const bytes = await item.reader.read(context.maxDocumentBytes + 1);
  if (bytes.length > context.maxDocumentBytes) {
    const hint = item.depth === 0
      ? "give its path instead of -: a zip archive from standard input is held whole"
      : "unpack it first: a zip archive inside another container is held whole";
    const error = tooLarge(context, item.label, hint, "a zip archive");
    if (item.explicit) throw error;
    context.damage(error);
    await item.reader.skip(Infinity); // the container's checks must see the rest of it
    return null;
  }
  return {
    size: bytes.length,
    readAt: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
  };
}

function tooLarge(context: ReadContext, where: string, hint: string, what = "a document"): UserError {
  const expected = `${what} of at most that size`;
  return new UserError(`more than ${context.maxDocumentBytes} bytes`, { where, expected, hint });
}

async function* readJsonlItem(context: ReadContext, item: Item): AsyncGenerator<Block> {
  const { report, filter } = context;
  report.files++;
  const namePasses = item.explicit || filter.document(item.name);
  const from = item.readOn?.() ?? null;
  const blocks = readLines(from ? createByteReader(from.bytes) : item.reader, {
    label: item.label,
    maxLineBytes: context.maxDocumentBytes,
    onDamage: (error) => context.damage(error),
    from: from ?? undefined,
    buffers: context.buffers,
  });
  for await (const block of blocks) {
    context.signal?.throwIfAborted();
    yield { kind: "lines", label: item.label, namePasses, ...block, plain: item.readOn !== undefined };
  }
}

async function* readParquetItem(context: ReadContext, item: Item): AsyncGenerator<Block> {
  const { report, filter } = context;
  if (item.randomAccess === undefined) {
    const where = { where: item.label, hint: "give the path of an unpacked .parquet file" };
    return context.damage(new UserError("a parquet file is not read from a stream or out of an archive", where));
  }
  const namePasses = item.explicit || filter.document(item.name);
  const { openParquet } = await import("./parquet.ts"); // it and its library are large, and most corpora have no tables
  const opening = openParquet(item.randomAccess, {
    label: item.label,
    column: context.jsonKey,
    namePasses,
    maxTextBytes: context.maxDocumentBytes,
    onDamage: (error) => context.damage(error),
    onUncheckedRowGroup: () => report.uncheckedRowGroups++,
  });
  const rows = await opening.catch((error) => {
    // One among other files that is no such table may be left out as if it were damaged.
    if (item.explicit || !(error instanceof UserError)) throw error;
    context.damage(error);
  });
  if (rows === undefined) return;
  if (rows === null) return countSkipped(report, "filtered");
  report.files++;
  for await (const block of rows) {
    context.signal?.throwIfAborted();
    yield { kind: "rows", label: item.label, namePasses, ...block };
  }
}

/** Whether something in a folder (depth 0) or an archive is to be read with `readSmallText`. */
export function isSmallText(context: ReadContext, { name, size }: { name: string; size: number }, depth = 0): boolean {
  const most = Math.min(SMALL_BYTES, context.maxDocumentBytes, context.maxFileSize);
  return size <= most && depth <= MAX_DEPTH && kindOfName(name) === "text";
}

/**
 * The block of a small text; null where it is binary, or damaged and left out. Does what `readItem` does.
 * @param read Gives all of it.
 */
export async function readSmallText(
  context: ReadContext,
  label: string,
  name: string,
  read: () => Promise<Uint8Array<ArrayBuffer>>,
): Promise<Block | null> {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = await read();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    context.damage(error);
    return null;
  }
  if (looksBinary(bytes.subarray(0, SAMPLE_BYTES))) {
    context.report.skippedBinary++;
    return null;
  }
  context.report.files++;
  return { kind: "file", label, name, bytes };
}

async function* readTextItem(context: ReadContext, item: Item): AsyncGenerator<Block> {
  const { label, name, reader, depth, explicit } = item;
  // Damage can hide in what is passed over: the container's checks must see the rest of it.
  const passOver = async (): Promise<void> => {
    if (depth > 0) await reader.skip(Infinity);
  };
  const sample = await reader.peek(SAMPLE_BYTES);
  if (looksBinary(sample)) {
    await passOver();
    if (explicit) {
      throw new UserError("this is not text", { where: label, expected: "UTF-8 or UTF-16 text, or an archive" });
    }
    context.report.skippedBinary++;
    return;
  }
  const limit = Math.min(context.maxDocumentBytes, context.maxFileSize);
  const bytes = await reader.read(limit + 1);
  context.report.files++;
  if (bytes.length <= limit) return yield { kind: "file", label, name, bytes };
  await passOver();
  if (context.maxFileSize <= context.maxDocumentBytes) context.report.skippedTooLarge++;
  else {
    const hint = "leave it out with --exclude or --max_file_size, or split it into jsonl with one document a line";
    context.damage(tooLarge(context, label, hint));
  }
}

/**
 * From one input to documents: peels compression, opens archives, splits jsonl, decodes text. Recursive, because
 * formats stack: a .tar.zst may hold a .jsonl.gz.
 *
 * Documents travel in small batches (what one chunk or one file gave), which costs far fewer turns of the event loop
 * than one by one.
 */
import { FormatError, UserError } from "../errors.ts";
import { type ByteReader, type ByteStream, createByteReader } from "./bytes.ts";
import type { Document } from "./document.ts";
import type { Filter, Verdict } from "./filter.ts";
import { readGzip } from "./gzip.ts";
import { readJsonl } from "./jsonl.ts";
import { type ContentKind, innerName, kindOfName, sniffKind } from "./kinds.ts";
import { languageOfPath } from "./languages.ts";
import type { CorpusReport } from "./report.ts";
import { readTar } from "./tar.ts";
import { decodeText, hasMoreCharacters, looksBinary, SAMPLE_BYTES } from "./text.ts";
import { type RandomAccess, readZip } from "./zip.ts";
import { readZstd } from "./zstd.ts";
import type { ZstdDecoder } from "./zstd_decoders.ts";

/** What all parts of one reading share. */
export interface ReadContext {
  report: CorpusReport;
  filter: Filter;
  jsonKey: string;
  minDocLength: number;
  maxDocumentBytes: number;
  undecodable: "replace" | "skip";
  decoder: ZstdDecoder;
  signal: AbortSignal | undefined;
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
}

const MAX_DEPTH = 8;

/** The documents of one input. Closes the item's reader. */
export async function* readItem(context: ReadContext, item: Item): AsyncGenerator<Document[]> {
  try {
    if (item.depth > MAX_DEPTH) {
      throw new FormatError(`containers within containers, more than ${MAX_DEPTH} deep`, { where: item.label });
    }
    switch (await kindOfItem(context, item)) {
      case "gzip":
        return yield* readItem(context, peeled(item, readGzip(item.reader, item.label)));
      case "zstd": {
        const bytes = readZstd(item.reader, {
          label: item.label,
          decoder: context.decoder,
          onUncheckedFrame: () => context.report.uncheckedZstdFrames++,
        });
        return yield* readItem(context, peeled(item, bytes));
      }
      case "tar":
        return yield* readTarItem(context, item);
      case "zip":
        return yield* readZipItem(context, item);
      case "jsonl":
        return yield* readJsonlItem(context, item);
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
  } finally {
    await item.reader.close();
  }
}

async function kindOfItem(context: ReadContext, item: Item): Promise<ContentKind> {
  const kind = kindOfName(item.name);
  if (kind !== "text" || !item.explicit) return kind;
  return await sniffKind(item.reader, context.jsonKey, languageOfPath(item.name) === null);
}

function peeled(item: Item, bytes: ByteStream): Item {
  const { label, name, explicit, depth } = item;
  return { label, name: innerName(name), explicit, depth: depth + 1, reader: createByteReader(bytes) };
}

/** Counts an entry that is not taken. */
export function countSkipped(report: CorpusReport, why: Exclude<Verdict, "take"> | "link" | "special"): void {
  if (why === "hidden") report.skippedHidden++;
  else if (why === "filtered") report.skippedFiltered++;
  else if (why === "link") report.skippedLinks++;
  else if (why === "special") report.skippedSpecial++;
  else report.skippedUnsupported++;
}

async function* readTarItem(context: ReadContext, item: Item): AsyncGenerator<Document[]> {
  for await (const member of readTar(item.reader, item.label)) {
    context.signal?.throwIfAborted();
    if (member.kind === "directory") continue;
    if (member.kind !== "file") countSkipped(context.report, member.kind);
    else yield* readMember(context, item, member.name, () => member.contents);
  }
}

async function* readZipItem(context: ReadContext, item: Item): AsyncGenerator<Document[]> {
  const source = item.randomAccess ?? await heldInMemory(context, item);
  for await (const member of readZip(source, item.label)) {
    context.signal?.throwIfAborted();
    if (member.directory) continue;
    if (member.link) countSkipped(context.report, "link");
    else yield* readMember(context, item, member.name, () => member.contents());
  }
}

async function* readMember(
  context: ReadContext,
  archive: Item,
  name: string,
  contents: () => ByteStream,
): AsyncGenerator<Document[]> {
  const verdict = context.filter.file(name);
  if (verdict !== "take") return countSkipped(context.report, verdict);
  yield* readItem(context, {
    label: `${archive.label}/${name}`,
    name,
    reader: createByteReader(contents()),
    explicit: false,
    depth: archive.depth + 1,
  });
}

/** A zip archive has its directory at the end: one inside another container is held whole. */
async function heldInMemory(context: ReadContext, item: Item): Promise<RandomAccess> {
  if (item.label === "-") {
    throw new UserError("a zip archive cannot be read from standard input", { hint: "give its path instead of -" });
  }
  const bytes = await readWhole(context, item, "unpack it first: a zip archive inside another container is held whole");
  return {
    size: bytes.length,
    readAt: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
  };
}

async function readWhole(context: ReadContext, item: Item, hint: string): Promise<Uint8Array> {
  const bytes = await item.reader.read(context.maxDocumentBytes + 1);
  if (bytes.length > context.maxDocumentBytes) {
    throw new UserError(`more than ${context.maxDocumentBytes} bytes`, {
      where: item.label,
      expected: "a document of at most that size",
      hint,
    });
  }
  return bytes;
}

async function* readJsonlItem(context: ReadContext, item: Item): AsyncGenerator<Document[]> {
  const { report, filter } = context;
  report.files++;
  const namePasses = item.explicit || filter.document(item.name);
  const lines = readJsonl(item.reader, {
    label: item.label,
    key: context.jsonKey,
    maxLineBytes: context.maxDocumentBytes,
    onBlankLine: () => report.skippedEmpty++,
  });
  for await (const batch of lines) {
    context.signal?.throwIfAborted();
    const documents: Document[] = [];
    for (const { line, text, undecodable, path, language } of batch) {
      if (path === null ? !namePasses : !filter.document(path)) {
        report.skippedFiltered++;
        continue;
      }
      const document: Document = {
        text,
        path: path ?? `${item.label}:${line}`,
        language: language ?? (path === null ? null : languageOfPath(path)),
      };
      if (accept(context, document, undecodable)) documents.push(document);
    }
    if (documents.length > 0) yield documents;
  }
}

async function* readTextItem(context: ReadContext, item: Item): AsyncGenerator<Document[]> {
  const sample = await item.reader.peek(SAMPLE_BYTES);
  if (looksBinary(sample)) {
    // Damage can make text look binary: let the container's checks see the rest before this is passed over.
    if (item.depth > 0) await item.reader.skip(Infinity);
    if (item.explicit) {
      throw new UserError("this is not text", { where: item.label, expected: "UTF-8 or UTF-16 text, or an archive" });
    }
    context.report.skippedBinary++;
    return;
  }
  context.report.files++;
  const hint = "leave it out with --exclude, or split it into jsonl with one document a line";
  const { text, undecodable } = decodeText(await readWhole(context, item, hint));
  const document: Document = { text, path: item.label, language: languageOfPath(item.name) };
  if (accept(context, document, undecodable)) yield [document];
}

/** Whether a document is given out; counts it either way. */
function accept(context: ReadContext, document: Document, undecodable: boolean): boolean {
  const { report } = context;
  const { text } = document;
  if (text.length === 0) report.skippedEmpty++;
  else if (!hasMoreCharacters(text, context.minDocLength)) report.skippedShort++;
  else if (undecodable && context.undecodable === "skip") report.skippedUndecodable++;
  else {
    if (undecodable) report.replacedUndecodable++;
    report.documents++;
    report.textBytes += text.length;
    const language = document.language ?? "unknown";
    const counts = Object.hasOwn(report.languages, language)
      ? report.languages[language]
      : (report.languages[language] = { documents: 0, bytes: 0 });
    counts.documents++;
    counts.bytes += text.length;
    return true;
  }
  return false;
}

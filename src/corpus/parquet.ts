/**
 * Parquet files with a column of text, as data sets of code come in: npm:hyparquet decodes them, one row group at a time,
 * only the columns that are needed. This file finds the columns, checks every page's header, size and checksum before
 * anything is decoded (hyparquet looks at no checksums), and brings in the decompressors.
 *
 * Memory: the needed columns of one row group, compressed and not, at most 4 GiB. Text is handed on as stored; no strings.
 */
import { brotliDecompressSync, crc32, gunzipSync, zstdDecompressSync } from "node:zlib";
import { type AsyncBuffer, type Compressors, type FileMetaData, parquetMetadataAsync, parquetRead } from "hyparquet";
import { parquetHeader } from "hyparquet/src/column.js";
import { CodekilnError, FormatError, UserError } from "../errors.ts";
import { decodeLz4Block } from "./lz4.ts";
import { documentNames, NAMING_FIELDS, PATH_FIELDS } from "./fields.ts";
import type { RandomAccess } from "./zip.ts";

/** Some rows, in order; see `RowsBlock`. */
export interface Rows {
  readonly row: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly lengths: Int32Array;
  readonly paths: readonly (string | null)[];
  readonly languages: readonly (string | null)[];
}

export interface ParquetOptions {
  /** Name of the file in errors. */
  label: string;
  /** Name of the column that holds the text. */
  column: string;
  /** Whether rows without a path of their own are read, as far as the globs go. */
  namePasses: boolean;
  /** Longest text, bytes. */
  maxTextBytes: number;
  /** Told of a damaged row group and of a text that is too long; where this returns, it is left out. */
  onDamage: (error: FormatError | UserError) => void;
  /** Called for every row group with a page without a checksum. */
  onUncheckedRowGroup: () => void;
}

const MAX_GROUP_BYTES = 4 * 1024 ** 3;
const MAX_PAGE_BYTES = 1024 ** 3;
/** About so much text goes into one block. */
const BLOCK_BYTES = 1024 * 1024;
const decoder = new TextDecoder();

type RowGroup = FileMetaData["row_groups"][number];

/** Decompressors that give at most `length` bytes; hyparquet checks that they are no fewer. It has its own for snappy. */
const compressors: Compressors = {
  GZIP: (input, length) => new Uint8Array(gunzipSync(input, { maxOutputLength: Math.max(1, length) })),
  BROTLI: (input, length) => new Uint8Array(brotliDecompressSync(input, { maxOutputLength: Math.max(1, length) })),
  ZSTD: (input, length) => new Uint8Array(zstdDecompressSync(input, { maxOutputLength: Math.max(1, length) })),
  LZ4_RAW: decodeLz4Block,
};
const CODECS = ["UNCOMPRESSED", "SNAPPY", ...Object.keys(compressors)];

/**
 * Opens a parquet file.
 * @returns its rows, which throw FormatError for damaged data and what `onDamage` throws; null where it has no column for the
 *   text, and no row of it could pass the globs.
 * @throws FormatError naming label and byte offset for a file that is not right.
 * @throws UserError where it has no such column of text.
 */
export async function openParquet(source: RandomAccess, options: ParquetOptions): Promise<AsyncGenerator<Rows> | null> {
  const { label } = options;
  const file: AsyncBuffer = {
    byteLength: source.size,
    async slice(start, end = source.size) {
      const bytes = await source.readAt(start, end - start);
      if (bytes.length < end - start) {
        throw new FormatError("the parquet file is cut off", { where: `${label}, byte ${start + bytes.length}` });
      }
      return bytes.slice().buffer;
    },
  };
  const where = `${label}, byte ${source.size}`;
  return await attempt(where, "not a parquet file, or its end is damaged", async () => {
    if (source.size < 12) throw new Error("it is too short");
    const metadata = await parquetMetadataAsync(file, { geoparquet: false });
    const rows = metadata.row_groups.reduce((sum, group) => sum + Number(group.num_rows), 0);
    if (rows !== Number(metadata.num_rows)) throw new Error(`${metadata.num_rows} rows, in row groups ${rows}`);
    const columns = chooseColumns(metadata, options);
    return columns && readRows({ source, file, metadata, columns }, options);
  });
}

interface OpenFile {
  source: RandomAccess;
  /** The same, as hyparquet takes it. */
  file: AsyncBuffer;
  metadata: FileMetaData;
  columns: string[];
}

async function* readRows({ source, file, metadata, columns }: OpenFile, options: ParquetOptions): AsyncGenerator<Rows> {
  const { label, onDamage } = options;
  let row = 1;
  for (const [index, group] of metadata.row_groups.entries()) {
    const count = Number(group.num_rows);
    const where = `${label}, row group ${index}, byte ${groupStart(group)}`;
    if (!Number.isSafeInteger(count) || count < 0) throw new FormatError("the number of rows is unreadable", { where });
    try {
      const values = await attempt(where, "damaged parquet data", async () => {
        await checkPages(group, columns, source, options, where);
        return await readColumns(file, metadata, columns, row - 1, count);
      });
      yield* blocksOf(values, columns, row, options);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      onDamage(error);
    }
    row += count;
  }
}

/** Runs what may fail on damaged data in any way, and makes a FormatError of it. */
async function attempt<T>(where: string, what: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof CodekilnError || error instanceof DOMException) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new FormatError(`${what}: ${why}`, { where, cause: error });
  }
}

/** The text's column, then those of `NAMING_FIELDS` that are there; null where there is none for the text and it does not matter. */
function chooseColumns({ schema }: FileMetaData, { label, column, namePasses }: ParquetOptions): string[] | null {
  // The schema is a tree, written depth first; the columns are the children of its root.
  const top: typeof schema = [];
  const skip = (at: number): number => {
    let next = at + 1;
    for (let child = 0; child < (schema[at]?.num_children ?? 0) && next <= schema.length; child++) next = skip(next);
    return next;
  };
  for (let at = 1; at < schema.length; at = skip(at)) top.push(schema[at]);
  const isText = ({ type, repetition_type, num_children }: (typeof schema)[number]) =>
    type === "BYTE_ARRAY" && repetition_type !== "REPEATED" && !num_children;
  const naming = top.filter((element) => NAMING_FIELDS.includes(element.name) && isText(element));
  const text = top.find(({ name }) => name === column);
  if (text === undefined || !isText(text)) {
    if (!namePasses && !naming.some(({ name }) => PATH_FIELDS.includes(name))) return null;
    const names = top.slice(0, 20).map(({ name }) => `"${name}"`).join(", ") || "no columns";
    throw new UserError(text === undefined ? `no column "${column}"` : `the column "${column}" holds no text`, {
      where: label,
      expected: "a column of strings",
      hint: `the file has ${names}; choose the column with --json_key, or leave the file out with --exclude`,
    });
  }
  return [column, ...naming.map(({ name }) => name).filter((name) => name !== column)];
}

function groupStart(group: RowGroup): number {
  const [first] = group.columns;
  const at = first?.meta_data?.dictionary_page_offset ?? first?.meta_data?.data_page_offset ?? 0n;
  return Number(at);
}

/** Holds the pages of the needed columns against their headers' sizes and, where there are any, checksums. */
async function checkPages(
  group: RowGroup,
  columns: readonly string[],
  source: RandomAccess,
  options: ParquetOptions,
  where: string,
): Promise<void> {
  const fail = (what: string, at: number, expected?: string): FormatError =>
    new FormatError(what, { where: `${options.label}, byte ${at}`, expected });
  let groupBytes = 0;
  let unchecked = false;
  for (const { meta_data: meta, file_path: path } of group.columns) {
    if (meta === undefined || !columns.includes(meta.path_in_schema.join("."))) continue;
    if (path) throw new FormatError(`a column is in another file, ${path}`, { where });
    if (!CODECS.includes(meta.codec)) {
      const hint = "write the file again with one of these";
      throw new FormatError(`pages are compressed with ${meta.codec}`, { where, expected: CODECS.join(", "), hint });
    }
    const start = Number(meta.dictionary_page_offset || meta.data_page_offset);
    const length = Number(meta.total_compressed_size);
    if (!(start >= 4 && length >= 0 && start + length <= source.size)) {
      throw new FormatError(`a column of ${length} bytes at ${start} does not fit into the file`, { where });
    }
    groupBytes += length;
    const bytes = await source.readAt(start, length);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const reader = { view, offset: 0 };
    let values = 0;
    while (reader.offset < length) {
      const at = start + reader.offset;
      const header = parquetHeader(reader);
      const { compressed_page_size: packed, uncompressed_page_size: plain, crc } = header;
      if (!(packed >= 0 && reader.offset + packed <= length)) throw fail(`a page of ${packed} bytes`, at);
      if (!(plain >= 0 && plain <= MAX_PAGE_BYTES)) {
        throw fail(`a page of ${plain} bytes`, at, `at most ${MAX_PAGE_BYTES}`);
      }
      groupBytes += plain;
      if (groupBytes > MAX_GROUP_BYTES) {
        throw fail(`a row group of more than ${MAX_GROUP_BYTES} bytes`, at, "smaller row groups");
      }
      const page = bytes.subarray(reader.offset, reader.offset + packed);
      if (crc === undefined) unchecked = true;
      else if (crc32(page) !== crc >>> 0) throw fail("CRC-32 mismatch: the parquet page is damaged", at);
      reader.offset += packed;
      values += header.data_page_header?.num_values ?? header.data_page_header_v2?.num_values ?? 0;
    }
    if (values !== Number(group.num_rows)) throw fail(`a column of ${values} values`, start, `${group.num_rows}`);
  }
  if (unchecked) options.onUncheckedRowGroup();
}

type Row = Record<string, Uint8Array | null>;

/** Whether every value is bytes or null: an index that points out of a dictionary gives something else. */
function isRow(row: Record<string, unknown>, columns: readonly string[]): row is Row {
  return columns.every((column) => row[column] === null || row[column] instanceof Uint8Array);
}

function readColumns(
  file: AsyncBuffer,
  metadata: FileMetaData,
  columns: string[],
  rowStart: number,
  count: number,
): Promise<Row[]> {
  if (count === 0) return Promise.resolve([]);
  return new Promise((resolve, reject) => {
    parquetRead({
      file,
      metadata,
      columns,
      rowStart,
      rowEnd: rowStart + count,
      rowFormat: "object",
      compressors,
      useOffsetIndex: false,
      parsers: { stringFromBytes: (bytes) => bytes, jsonFromBytes: (bytes) => bytes },
      utf8: false,
      onComplete: (rows) => {
        const good = rows.filter((row) => isRow(row, columns));
        if (good.length === count) resolve(good);
        else reject(new Error(`${good.length} rows with values instead of ${count}`));
      },
    }).catch(reject);
  });
}

function* blocksOf(
  rows: Row[],
  columns: readonly string[],
  firstRow: number,
  options: ParquetOptions,
): Generator<Rows> {
  const [textColumn] = columns;
  const string = (value: Row[string] | undefined): string | null =>
    value instanceof Uint8Array ? decoder.decode(value) : null;
  for (let from = 0; from < rows.length;) {
    const texts: (Uint8Array | null)[] = [];
    let bytes = 0;
    for (let i = from; i < rows.length && (bytes < BLOCK_BYTES || texts.length === 0); i++) {
      let text = rows[i][textColumn] ?? null;
      if (text !== null && text.length > options.maxTextBytes) {
        options.onDamage(
          new UserError(`more than ${options.maxTextBytes} bytes`, {
            where: `${options.label}:${firstRow + i}`,
            expected: "a document of at most that size",
          }),
        );
        text = null;
      }
      texts.push(text);
      bytes += text?.length ?? 0;
    }
    const all = new Uint8Array(bytes);
    let at = 0;
    const lengths = Int32Array.from(texts, (text) => text?.length ?? -1);
    const names = rows.slice(from, from + texts.length).map((row) =>
      documentNames(NAMING_FIELDS.map((field) => string(row[field])))
    );
    for (const text of texts) {
      if (text === null) continue;
      all.set(text, at);
      at += text.length;
    }
    yield {
      row: firstRow + from,
      bytes: all,
      lengths,
      paths: names.map(({ path }) => path),
      languages: names.map(({ language }) => language),
    };
    from += texts.length;
  }
}

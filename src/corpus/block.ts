/**
 * What reading hands to parsing: pieces of the inputs, cut out and not yet looked into. They are plain data, so they can
 * be parsed (parse.ts) in any thread; the order of the blocks, and within them, is the order of the documents.
 */

/** Whole lines of a jsonl stream. */
export interface LinesBlock {
  readonly kind: "lines";
  /** Name of the stream in errors and paths. */
  readonly label: string;
  /** Whether documents without a path of their own are read, as far as the globs go. */
  readonly namePasses: boolean;
  /** Lines with their ends, in a buffer of their own; the last line of the stream may have no end. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** How many line ends there are in it. */
  readonly lines: number;
  /** Number of the first line, from 1. */
  readonly line: number;
  /** Place of the first byte in the (uncompressed) stream. */
  readonly offset: number;
  /** Whether the stream is a file as it is, so that `offset` is an offset of that file. */
  readonly plain: boolean;
}

/** One whole file that is a document. */
export interface FileBlock {
  readonly kind: "file";
  readonly label: string;
  /** Tells the language. */
  readonly name: string;
  /** As stored, in a buffer of their own: UTF-8 or UTF-16, with or without a byte order mark. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Rows of a table with a column of text. */
export interface RowsBlock {
  readonly kind: "rows";
  readonly label: string;
  /** Whether documents without a path of their own are read, as far as the globs go. */
  readonly namePasses: boolean;
  /** Number of the first row, from 1. */
  readonly row: number;
  /** The texts, as stored, back to back, in a buffer of their own. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Bytes of each row's text; -1 where it has none. */
  readonly lengths: Int32Array;
  readonly paths: readonly (string | null)[];
  readonly languages: readonly (string | null)[];
}

export type Block = LinesBlock | FileBlock | RowsBlock;

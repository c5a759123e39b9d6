/** One document of a corpus: a source file, or one line of a jsonl file. */
export interface Document {
  /** The text as well-formed UTF-8 bytes (undecodable input has been counted and replaced or skipped before). */
  readonly text: Uint8Array;
  /** Where it came from: the file's path; inside archives `archive.zip/inner/path`; in jsonl `file.jsonl:LINE`, line from 1. */
  readonly path: string;
  /** Lower-case language name by file extension (`python`, `cpp`, …), or null where unknown. */
  readonly language: string | null;
}

/** The options of every command that reads a corpus: what to read, and what of it to leave out. */

import { languageNames, normaliseLanguage } from "../corpus/languages.ts";
import type { ReadCorpusOptions } from "../corpus/read.ts";
import { UserError } from "../errors.ts";
import { nearestName } from "./nearest.ts";
import { defaultValue, optionTable, type OptionValues } from "./options.ts";

export const readingOptions = optionTable({
  input: {
    type: "list",
    required: true,
    placeholder: "PATH",
    group: "Reading",
    help:
      "Files and folders to read, or - for stdin: source files, .txt, .jsonl, .parquet; .zip and .tar; .gz and .zst, also stacked (.tar.gz, .jsonl.zst). A .zip on stdin is held in memory, a .parquet is not read there",
  },
  include: { type: "list", placeholder: "GLOB", group: "Reading", help: "Read only files that match one of these" },
  exclude: { type: "list", placeholder: "GLOB", group: "Reading", help: "Leave out files that match one of these" },
  json_key: {
    type: "string",
    default: "text",
    placeholder: "KEY",
    group: "Reading",
    help: "Member of each .jsonl line, or column of a .parquet file, that holds the text",
  },
  undecodable: {
    type: "enum",
    values: ["replace", "skip"],
    default: "replace",
    group: "Reading",
    help: "Documents that are not valid UTF-8 or UTF-16: put U+FFFD in those places, or leave them out",
  },
  on_error: {
    type: "enum",
    values: ["stop", "skip"],
    default: "stop",
    group: "Reading",
    help: "Damaged lines, files, members of archives and archives: stop, or say so, leave them out and go on",
  },
  max_inflation: {
    type: "number",
    default: 1000,
    min: 1,
    group: "Reading",
    help: "An input that inflates to more than 1 GiB and this many times its size is refused as a decompression bomb",
  },
  min_doc_length: {
    type: "integer",
    default: 10,
    min: 0,
    group: "Filters",
    help: "Skip documents of this many characters or fewer",
  },
  languages: {
    type: "list",
    placeholder: "NAME",
    group: "Filters",
    help: "Keep only these languages, known by file extension or by the data: python,cpp or python cpp; .h counts as c",
  },
  max_file_size: { type: "integer", min: 1, group: "Filters", help: "Skip larger documents, bytes" },
  max_line_length: { type: "integer", min: 1, group: "Filters", help: "Skip documents with longer lines, characters" },
  max_non_text: {
    type: "number",
    min: 0,
    max: 1,
    group: "Filters",
    help: "Skip documents with a larger share of control, private-use and undecodable characters",
  },
  skip_generated: {
    type: "boolean",
    default: false,
    group: "Filters",
    help: "Skip what programs wrote: lock files, files marked as generated at their top",
  },
  skip_minified: {
    type: "boolean",
    default: false,
    group: "Filters",
    help: "Skip minified code: .min.js and the like, and files whose lines are too long on average for people",
  },
  deduplicate: {
    type: "boolean",
    default: false,
    group: "Filters",
    help: "Skip documents whose whole text was there before",
  },
  deduplicate_memory: {
    type: "integer",
    default: 256,
    min: 1,
    group: "Filters",
    help: "MiB for --deduplicate: 256 are enough for 6.2 million documents; beyond, later ones are not remembered",
  },
});

/** What to read and what to leave out of it. */
export type Reading = OptionValues<typeof readingOptions>;

/** A reading of these paths with every other option at its default. */
export function readingOf(paths: Pick<Reading, "input" | "include" | "exclude">): Reading {
  const defaults = Object.entries(readingOptions).map(([name, spec]) => [name, defaultValue(spec)]);
  // The table's defaults are of the values' types.
  return { ...Object.fromEntries(defaults) as Reading, ...paths };
}

/**
 * The options as the corpus room takes them.
 * @throws UserError for a language that is not in the table, naming the nearest.
 */
export function corpusOptions(reading: Reading): ReadCorpusOptions {
  return {
    include: reading.include,
    exclude: reading.exclude,
    jsonKey: reading.json_key,
    undecodable: reading.undecodable === "skip" ? "skip" : "replace",
    onError: reading.on_error === "skip" ? "skip" : "stop",
    maxInflation: { ratio: reading.max_inflation },
    minDocLength: reading.min_doc_length,
    languages: languagesOf(reading.languages),
    maxFileSize: reading.max_file_size,
    maxLineLength: reading.max_line_length,
    maxNonText: reading.max_non_text,
    skipGenerated: reading.skip_generated,
    skipMinified: reading.skip_minified,
    deduplicate: reading.deduplicate,
    maxDeduplicateBytes: reading.deduplicate_memory * 1024 * 1024,
  };
}

function languagesOf(words: readonly string[]): string[] {
  const known = languageNames();
  return words.flatMap((word) => word.split(",")).filter((name) => name.trim() !== "").map((name) => {
    const language = normaliseLanguage(name);
    if (known.includes(language)) return language;
    const nearest = nearestName(language, known);
    throw new UserError(`unknown language "${name.trim()}"`, {
      where: "--languages",
      expected: `some of ${known.join(", ")}`,
      hint: nearest === null ? undefined : `did you mean ${nearest}?`,
    });
  });
}

/** What reading a corpus found and left out: nothing is dropped without a count here. */

/** Why a document is left out; the names of counters, in the order in which the reasons are looked at. */
export type DropReason =
  | "skippedFiltered"
  | "skippedUndecodable"
  | "skippedEmpty"
  | "skippedShort"
  | "skippedLanguage"
  | "skippedTooLarge"
  | "skippedLongLines"
  | "skippedNonText"
  | "skippedGenerated"
  | "skippedMinified"
  | "skippedDuplicates";

/** Live counters; read them at any time. All files and members are counted once, under the first reason that applies. */
export interface CorpusReport {
  /** Bytes of all inputs as stored (compressed where they are compressed); null while not known, as for stdin. */
  totalBytes: number | null;
  /** Bytes of input dealt with, counted as `totalBytes` is: their ratio is the progress. */
  bytesRead: number;
  /** Label of the input being read. */
  current: string;
  /** Text files and jsonl files that were read, members of archives included. */
  files: number;
  /** Documents given out. */
  documents: number;
  /** UTF-8 bytes of the documents given out. */
  textBytes: number;
  /** Documents given out by language; `unknown` where there is none. */
  languages: Record<string, { documents: number; bytes: number }>;
  /** Documents with no text at all, and blank jsonl lines. */
  skippedEmpty: number;
  /** Documents with too few characters. */
  skippedShort: number;
  /** Documents in other languages than those asked for, or in none that is known. */
  skippedLanguage: number;
  /** Documents larger than `maxFileSize`. */
  skippedTooLarge: number;
  /** Documents with a line longer than `maxLineLength`. */
  skippedLongLines: number;
  /** Documents with more than `maxNonText` of characters that are no text. */
  skippedNonText: number;
  /** Documents that look as if a program wrote them. */
  skippedGenerated: number;
  /** Documents that look minified. */
  skippedMinified: number;
  /** Documents whose text was there before. */
  skippedDuplicates: number;
  /** Documents given out whose later copies could not be recognised, because the table of duplicates was full. */
  unnotedDuplicates: number;
  /** Documents that were not valid in their encoding, with `undecodable: "skip"`. */
  skippedUndecodable: number;
  /** Documents that were not valid in their encoding and were given out with U+FFFD in those places. */
  replacedUndecodable: number;
  /** Damaged lines, files and members of archives, and damaged archives' lost ends, with `onError: "skip"`. */
  skippedDamaged: number;
  /** Files and folders whose name begins with a dot; a folder counts as one. */
  skippedHidden: number;
  /** Files that are not text. */
  skippedBinary: number;
  /** Files, folders, jsonl lines and rows that the globs leave out; a folder counts as one. */
  skippedFiltered: number;
  /** Symbolic links in folders, and links in archives. */
  skippedLinks: number;
  /** Devices, pipes, sockets and sparse archive members. */
  skippedSpecial: number;
  /** Archives in formats that are not read (.xz, .bz2, .7z, .rar …). */
  skippedUnsupported: number;
  /** zstd frames without a checksum: their structure and length were checked, their contents could not be. */
  uncheckedZstdFrames: number;
  /** Row groups of parquet files without checksums: damage to them can go unnoticed. */
  uncheckedRowGroups: number;
}

export function createReport(): CorpusReport {
  return {
    totalBytes: null,
    bytesRead: 0,
    current: "",
    files: 0,
    documents: 0,
    textBytes: 0,
    languages: {},
    skippedEmpty: 0,
    skippedShort: 0,
    skippedLanguage: 0,
    skippedTooLarge: 0,
    skippedLongLines: 0,
    skippedNonText: 0,
    skippedGenerated: 0,
    skippedMinified: 0,
    skippedDuplicates: 0,
    unnotedDuplicates: 0,
    skippedUndecodable: 0,
    replacedUndecodable: 0,
    skippedDamaged: 0,
    skippedHidden: 0,
    skippedBinary: 0,
    skippedFiltered: 0,
    skippedLinks: 0,
    skippedSpecial: 0,
    skippedUnsupported: 0,
    uncheckedZstdFrames: 0,
    uncheckedRowGroups: 0,
  };
}

/** Counts a document that is given out. */
export function countDocument(report: CorpusReport, language: string | null, bytes: number): void {
  report.documents++;
  report.textBytes += bytes;
  const name = language ?? "unknown";
  const counts = Object.hasOwn(report.languages, name)
    ? report.languages[name]
    : (report.languages[name] = { documents: 0, bytes: 0 });
  counts.documents++;
  counts.bytes += bytes;
}

/** A copy that later counting does not change. */
export function copyReport(report: CorpusReport): CorpusReport {
  const languages: CorpusReport["languages"] = {};
  for (const name in report.languages) languages[name] = { ...report.languages[name] };
  return { ...report, languages };
}

/** Sets the counts of `report` to those of an earlier reading; what is about the moment stays. */
export function restoreReport(report: CorpusReport, earlier: CorpusReport): void {
  const { totalBytes, bytesRead, current } = report;
  Object.assign(report, copyReport(earlier), { totalBytes, bytesRead, current });
}

/** The counts of reading and those of the gate together; what is about the moment is the reading's. */
export function joinReports(reading: CorpusReport, gate: CorpusReport): CorpusReport {
  const joined = copyReport(gate);
  const counts = joined as unknown as Record<string, unknown>;
  for (const [name, value] of Object.entries(reading)) {
    const there = counts[name];
    if (typeof value === "number" && typeof there === "number") counts[name] = there + value;
  }
  const { totalBytes, bytesRead, current } = reading;
  return Object.assign(joined, { totalBytes, bytesRead, current });
}

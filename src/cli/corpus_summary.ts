/** What was read and what was left out, in words for people and as counts for programs. */

import type { CorpusReport } from "../corpus/report.ts";
import { formatBytes, formatCount } from "./progress.ts";

/** The counters of what was left out, with the words for them. */
const skipped = {
  skippedFiltered: "not matching",
  skippedHidden: "hidden",
  skippedLinks: "links",
  skippedSpecial: "not regular files",
  skippedUnsupported: "archives of unknown formats",
  skippedBinary: "binary",
  skippedDamaged: "damaged",
  skippedUndecodable: "not decodable",
  skippedEmpty: "empty",
  skippedShort: "too short",
  skippedLanguage: "in other languages",
  skippedTooLarge: "too large",
  skippedLongLines: "with long lines",
  skippedNonText: "not text enough",
  skippedGenerated: "generated",
  skippedMinified: "minified",
  skippedDuplicates: "duplicates",
} as const satisfies Partial<Record<keyof CorpusReport, string>>;

type SkippedName = keyof typeof skipped;
const skippedNames = Object.keys(skipped) as SkippedName[];

/** One or more lines: documents and text, what was left out, what was mended. */
export function corpusSummary(report: CorpusReport): string[] {
  const languages = Object.entries(report.languages).sort(([, a], [, b]) => b.bytes - a.bytes).slice(0, 6)
    .map(([name, { documents }]) => `${name} ${formatCount(documents)}`);
  const among = languages.length > 0 ? ` (${languages.join(", ")})` : "";
  const lines = [`read: ${formatCount(report.documents)} documents, ${formatBytes(report.textBytes)} of text${among}`];

  const left = skippedNames.filter((name) => report[name] > 0)
    .map((name) => `${formatCount(report[name])} ${skipped[name]}`);
  if (left.length > 0) lines.push(`left out: ${left.join(", ")}`);
  if (report.replacedUndecodable > 0) {
    lines.push(`mended: ${formatCount(report.replacedUndecodable)} documents had undecodable bytes, now U+FFFD`);
  }
  if (report.unnotedDuplicates > 0) {
    lines.push(
      `not remembered: ${formatCount(report.unnotedDuplicates)} documents, whose later copies were kept; ` +
        "give --deduplicate_memory more",
    );
  }
  if (report.uncheckedZstdFrames > 0) {
    lines.push(`unchecked: ${formatCount(report.uncheckedZstdFrames)} zstd frames carry no checksum`);
  }
  if (report.uncheckedRowGroups > 0) {
    lines.push(`unchecked: ${formatCount(report.uncheckedRowGroups)} parquet row groups carry no checksums`);
  }
  return lines;
}

/** The counters for `--json`, in underscore spelling. */
export function corpusCounts(report: CorpusReport): Record<string, number> {
  const others = ["replacedUndecodable", "unnotedDuplicates", "uncheckedZstdFrames", "uncheckedRowGroups"] as const;
  const count = (name: SkippedName | typeof others[number]) =>
    [name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), report[name]] as const;
  return {
    files_read: report.files,
    documents: report.documents,
    text_bytes: report.textBytes,
    ...Object.fromEntries([...skippedNames, ...others].map(count)),
  };
}

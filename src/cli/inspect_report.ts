/** An inspected token file as a page for people. Pure: given what was found, it gives the text. */

import type { Inspection } from "../dataset/inspect.ts";
import { formatBytes, formatCount } from "./progress.ts";

export interface ReportStyle {
  /** Bars of block characters; else of `#`. */
  readonly blocks: boolean;
  readonly color: boolean;
  /** Columns of the terminal. */
  readonly columns: number;
}

/** A document's beginning, as text or, where there is no tokenizer for it, as ids. */
export interface ShownDocument {
  readonly document: number;
  readonly tokens: number;
  readonly text: string;
}

const eighths = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
const shownLanguages = 12;
const shownLines = 6;

/** A bar for a share of a whole, at most `width` columns. */
export function bar(share: number, width: number, blocks: boolean): string {
  const length = Math.max(0, Math.min(1, share)) * width;
  if (!blocks) return "#".repeat(share > 0 ? Math.max(1, Math.round(length)) : 0);
  const parts = Math.round(length * 8);
  return share > 0 && parts === 0 ? eighths[1] : "█".repeat(Math.floor(parts / 8)) + eighths[parts % 8];
}

/** The page for one token file. */
export function inspectReport(found: Inspection, documents: readonly ShownDocument[], style: ReportStyle): string {
  const { meta } = found;
  const bold = (text: string) => style.color ? `\x1b[1m${text}\x1b[0m` : text;
  const blue = (text: string) => style.color ? `\x1b[34m${text}\x1b[0m` : text;
  const dim = (text: string) => style.color ? `\x1b[2m${text}\x1b[0m` : text;
  const lines = [bold(found.prefix), ""];
  const fact = (name: string, value: string) => lines.push(`  ${name.padEnd(12)} ${value}`);

  fact("documents", formatCount(found.documents));
  const perToken = meta && found.tokens > 0 ? `, ${(meta.text_bytes / found.tokens).toFixed(2)} bytes each` : "";
  fact("tokens", `${formatCount(found.tokens)}${perToken}`);
  if (meta) {
    fact("text", formatBytes(meta.text_bytes));
    fact("tokenizer", `${meta.tokenizer.name}, ${formatCount(meta.vocab_size)} tokens`);
    fact("end of text", meta.append_eos ? `token ${meta.eos_id} behind each document` : "none");
    if (meta.split) {
      const { part, weights, seed } = meta.split;
      fact("part", `${part} of a split by hash ${weights.join(",")}, seed ${seed}`);
    }
    const leftOut = leftOutOf(meta.corpus ?? {});
    if (leftOut !== "") fact("left out", leftOut);
  } else fact("described", "no: there is no _meta.json");

  const { min, mean, median, max } = found.lengths;
  lines.push(
    "",
    bold("length of documents, tokens") +
      `: ${min} to ${formatCount(max)}, mean ${formatCount(Math.round(mean))}, median ${formatCount(median)}`,
  );
  const most = Math.max(1, ...found.histogram.map((bin) => bin.documents));
  const width = Math.max(10, Math.min(60, style.columns - 40));
  for (const bin of found.histogram) {
    const range = bin.from === bin.to ? String(bin.from) : `${formatCount(bin.from)} – ${formatCount(bin.to)}`;
    const drawn = bar(bin.documents / most, width, style.blocks);
    lines.push(`  ${range.padStart(15)} ${blue(drawn)}${drawn ? " " : ""}${formatCount(bin.documents)}`);
  }

  const languages = languagesOf(found);
  if (languages.length > 0) {
    lines.push("", bold("languages, bytes of text"));
    const all = languages.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { name, documents, bytes } of languages.slice(0, shownLanguages)) {
      const drawn = bar(bytes / languages[0].bytes, width, style.blocks);
      const share = `${(100 * bytes / Math.max(1, all)).toFixed(1)} %`;
      lines.push(`  ${name.padStart(15)} ${blue(drawn)} ${share} ${dim(`(${formatCount(documents)} documents)`)}`);
    }
    if (languages.length > shownLanguages) {
      lines.push(`  ${"".padStart(15)} and ${languages.length - shownLanguages} more`);
    }
  }

  for (const { document, tokens, text } of documents) {
    lines.push("", `${bold(`document ${document}`)} ${dim(`(${formatCount(tokens)} tokens)`)}`);
    for (const line of text.split("\n").slice(0, shownLines)) lines.push(`  ${fit(line, style.columns - 2)}`);
  }
  return `${lines.join("\n")}\n`;
}

/** The languages of a token file, the most text first. */
export function languagesOf({ meta }: Inspection): { name: string; documents: number; bytes: number }[] {
  return Object.entries(meta?.languages ?? {}).map(([name, counts]) => ({ name, ...counts }))
    .sort((a, b) => b.bytes - a.bytes);
}

function leftOutOf(corpus: Readonly<Record<string, unknown>>): string {
  return Object.entries(corpus).filter(([name, count]) => name.startsWith("skipped_") && Number(count) > 0)
    .map(([name, count]) => `${formatCount(Number(count))} ${name.slice("skipped_".length).replaceAll("_", " ")}`)
    .join(", ");
}

/** A line without control characters, cut to a width. */
function fit(line: string, columns: number): string {
  const clean = line.replaceAll("\t", "    ").replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, "·");
  const characters = [...clean];
  return characters.length <= columns ? clean : `${characters.slice(0, columns - 1).join("")}…`;
}

/** `codekiln data --inspect P`: shows what is in a token file, or in all parts of one that was split. */

import { type Inspection, inspectTokenFile } from "../dataset/inspect.ts";
import { tokenFilePaths } from "../dataset/meta.ts";
import { exists } from "../dataset/partial_files.ts";
import { splitParts } from "../dataset/split.ts";
import { CodekilnError, UserError } from "../errors.ts";
import { loadTokenizer } from "../tokenizer/load.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { CommandContext } from "./command.ts";
import type { DataOptions } from "./data_options.ts";
import { inspectReport, type ReportStyle, type ShownDocument } from "./inspect_report.ts";

/** Tokens of each shown document that are read: enough for its first lines. */
const SAMPLE_TOKENS = 400;

/** Options that go with `--inspect`. */
const goesWith: ReadonlySet<string> = new Set(["inspect", "show_documents", "json", "tokenizer"]);

export async function inspectData(
  prefix: string,
  { values, given }: { values: DataOptions; given: ReadonlySet<string> },
  context: CommandContext,
): Promise<void> {
  for (const name of given) {
    if (goesWith.has(name)) continue;
    throw new UserError("writes token files, --inspect shows one", { where: `--${name}`, hint: "give one of the two" });
  }
  const results: { found: Inspection; documents: ShownDocument[] }[] = [];
  for (const name of prefixesOf(prefix)) {
    const found = await inspectTokenFile(name, { documents: values.show_documents, sampleTokens: SAMPLE_TOKENS });
    const tokenizer = await tokenizerOf(found, values.tokenizer, context);
    results.push({ found, documents: found.samples.map((sample) => shown(sample, tokenizer)) });
    context.signal.throwIfAborted();
  }
  if (values.json) {
    const json = results.map(({ found: { samples: _samples, meta, ...rest }, documents }) => ({
      ...rest,
      meta,
      shown_documents: documents,
    }));
    return await context.write(`${JSON.stringify(json.length === 1 ? json[0] : json)}\n`);
  }
  const style = stdoutStyle();
  await context.write(results.map(({ found, documents }) => inspectReport(found, documents, style)).join("\n"));
}

/** The prefix itself, or its parts. One may also name a file of the set. */
function prefixesOf(given: string): string[] {
  const prefix = given.replace(/_(ids\.npy|idx\.npz|meta\.json)$/, "");
  if (exists(tokenFilePaths(prefix).ids)) return [prefix];
  const parts = splitParts.map((part) => `${prefix}_${part}`).filter((part) => exists(tokenFilePaths(part).ids));
  return parts.length > 0 ? parts : [prefix];
}

/** The tokenizer that wrote the file, if it can be had; says why not. */
async function tokenizerOf(
  { meta, prefix }: Inspection,
  asked: string | null,
  context: CommandContext,
): Promise<Tokenizer | null> {
  const name = asked ?? meta?.tokenizer.name ?? null;
  if (name === null) {
    context.note(`${prefix}: not known which tokenizer wrote it; --tokenizer names one to show its documents as text`);
    return null;
  }
  try {
    const tokenizer = await loadTokenizer(name);
    if (meta === null || tokenizer.fingerprint === meta.tokenizer.fingerprint) return tokenizer;
    if (asked !== null) throw new UserError("not the tokenizer that wrote this file", { where: `--tokenizer ${name}` });
    context.note(`${prefix}: ${name} is not the tokenizer any more that wrote it; documents are shown as ids`);
  } catch (error) {
    if (!(error instanceof CodekilnError) || asked !== null) throw error;
    context.note(`${prefix}: the tokenizer ${name} is gone; documents are shown as ids, or as text with --tokenizer`);
  }
  return null;
}

function shown(
  { document, tokens, ids }: Inspection["samples"][number],
  tokenizer: Tokenizer | null,
): ShownDocument {
  if (tokenizer === null) return { document, tokens, text: [...ids.slice(0, 20)].join(" ") };
  return { document, tokens, text: new TextDecoder().decode(tokenizer.decode(ids, { skipSpecial: true })) };
}

function stdoutStyle(): ReportStyle {
  const terminal = Deno.stdout.isTerminal() && Deno.env.get("TERM") !== "dumb";
  let columns = 80;
  try {
    if (terminal) columns = Deno.consoleSize().columns;
  } catch {
    // Not a terminal that knows its size.
  }
  const fancy = terminal && !Deno.env.get("NO_COLOR");
  return { blocks: fancy, color: fancy, columns };
}

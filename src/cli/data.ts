/** `codekiln data`: turns source code into token files. */

import { dirname } from "node:path";
import { parseHashSplit } from "../dataset/hash_split.ts";
import { journalPath } from "../dataset/journal.ts";
import { tokenFilePaths } from "../dataset/meta.ts";
import { tokenizeCorpus } from "../dataset/tokenize_corpus.ts";
import type { EncodeThread } from "../dataset/thread_handle.ts";
import type { WrittenFile } from "../dataset/token_files.ts";
import { UserError } from "../errors.ts";
import { reason } from "../files.ts";
import { loadTokenizer } from "../tokenizer/load.ts";
import type { CommandContext } from "./command.ts";
import { absoluteName, corpusReading } from "./corpus_jobs.ts";
import { corpusCounts, corpusSummary } from "./corpus_summary.ts";
import { type DataOptions, readingOptionsOf } from "./data_options.ts";
import { formatCount, formatDuration, startProgress, stderrProgressOutput } from "./progress.ts";

/** @param ahead A thread that was started for these inputs and workers. */
export async function writeData(
  options: DataOptions,
  context: CommandContext,
  ahead: EncodeThread | null,
): Promise<void> {
  const { output_prefix: prefix, tokenizer: tokenizerName, split_by_hash: split } = options;
  if (prefix === null || tokenizerName === null) throw new Error("the parser let a required option pass");
  const started = performance.now();
  const reading = readingOptionsOf(options);
  const workers = options.workers ?? undefined;
  const tokenizer = await loadTokenizer(tokenizerName);
  await Deno.mkdir(dirname(prefix), { recursive: true }).catch((cause) => {
    throw new UserError(`cannot make the folder: ${reason(cause)}`, { where: `--output_prefix ${prefix}`, cause });
  });
  using progress = startProgress({ label: "tokenizing", unit: "bytes" }, stderrProgressOutput());
  let tokens = 0;
  const { files, report } = await tokenizeCorpus({
    paths: reading.input,
    reading: corpusReading(
      reading,
      context,
      ({ bytesRead, totalBytes }) =>
        progress.update(bytesRead, { total: totalBytes, extra: `${formatCount(tokens)} tokens` }),
    ),
    tokenizer,
    tokenizerName: await absoluteName(tokenizer.name),
    prefix,
    appendEos: options.append_eos,
    workers,
    ahead,
    split: split === null ? null : parseHashSplit(split, options.split_seed),
    resume: options.resume,
    overwrite: options.overwrite,
    options: { ...reading },
    corpus: (report) => ({ ...corpusCounts(report), languages: report.languages }),
    onProgress: (written) => tokens = written.tokens,
    onResumed: ({ documents, tokens }) =>
      progress.note(`resuming: ${formatCount(documents)} documents, ${formatCount(tokens)} tokens are done`),
  }).catch((error) => {
    if (!(error instanceof UserError) && isThere(journalPath(prefix))) {
      progress.note("what is done is kept: the same command with --resume goes on with it");
    }
    throw error;
  });
  if (report) {
    progress.update(report.bytesRead, { extra: `${formatCount(sum(files, "tokens"))} tokens` });
    progress.finish();
    for (const line of corpusSummary(report)) context.note(line);
  } else {
    context.note("nothing to resume: the token file is whole; without --resume it is written anew");
  }
  const elapsedMs = performance.now() - started;
  for (const { prefix, meta } of files) {
    context.note(
      `${report ? "wrote" : "there is"}: ${formatCount(meta.tokens)} tokens, ` +
        `${(meta.text_bytes / meta.tokens).toFixed(2)} bytes a token, ` +
        `${report ? `in ${formatDuration(elapsedMs)} to` : "in"} ${Object.values(tokenFilePaths(prefix)).join(", ")}`,
    );
  }
  if (options.json) await context.write(`${JSON.stringify(resultOf(files, elapsedMs))}\n`);
}

function sum(files: readonly WrittenFile[], name: "tokens" | "text_bytes"): number {
  return files.reduce((total, { meta }) => total + meta[name], 0);
}

function resultOf(files: readonly WrittenFile[], elapsedMs: number) {
  const [{ meta }] = files;
  const { languages: _languages, ...counts } = meta.corpus ?? {};
  const tokens = sum(files, "tokens");
  return {
    files: files.flatMap(({ prefix }) => Object.values(tokenFilePaths(prefix))),
    tokens,
    bytes_per_token: sum(files, "text_bytes") / tokens,
    vocab_size: meta.vocab_size,
    eos_id: meta.eos_id,
    corpus_fingerprint: meta.corpus_fingerprint,
    ...meta.split && {
      parts: Object.fromEntries(
        files.map(({ meta }) => [
          meta.split?.part,
          { documents: meta.documents, tokens: meta.tokens, corpus_fingerprint: meta.corpus_fingerprint },
        ]),
      ),
    },
    ...counts,
    seconds: elapsedMs / 1000,
  };
}

function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

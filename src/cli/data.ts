/** `codekiln data`: turns source code into token files, and shows what is in one. */

import { dirname } from "node:path";
import { parseHashSplit } from "../dataset/hash_split.ts";
import { journalPath } from "../dataset/journal.ts";
import { tokenFilePaths } from "../dataset/meta.ts";
import { tokenizeCorpus } from "../dataset/tokenize_corpus.ts";
import { startThreadAhead } from "../dataset/thread_handle.ts";
import type { WrittenFile } from "../dataset/token_files.ts";
import { UserError } from "../errors.ts";
import { reason } from "../files.ts";
import { loadTokenizer } from "../tokenizer/load.ts";
import type { CommandContext } from "./command.ts";
import { absoluteName, corpusReading } from "./corpus_jobs.ts";
import { corpusCounts, corpusSummary } from "./corpus_summary.ts";
import { type DataOptions, dataOptionTable, readingOptionsOf } from "./data_options.ts";
import { defineCommand } from "./define_command.ts";
import { inspectData } from "./inspect.ts";
import { formatCount, formatDuration, startProgress, stderrProgressOutput } from "./progress.ts";

export const dataCommand = defineCommand({
  name: "data",
  summary: "Turn source files and archives into token files for training",
  description:
    "Reads documents, encodes them and writes P_ids.npy (all token ids), P_idx.npz (document lengths) and P_meta.json. Nothing appears under these names until all of it is written. A run that was stopped or killed goes on with --resume.",
  options: dataOptionTable,
  examples: [
    {
      what: "your own projects with your own tokenizer",
      command: "data --input ~/projects --include '**/*.py' --tokenizer tok --output_prefix data/my",
    },
    {
      what: "an archive with GPT-2's vocabulary",
      command: "data --input corpus.tar.gz --tokenizer gpt2 --output_prefix data/corpus",
    },
    {
      what: "jsonl from another program",
      command:
        "zstdcat code.jsonl.zst | codekiln data --input - --json_key content --tokenizer gpt2 --output_prefix data/code",
    },
    {
      what: "a held-out part that stays the same when the corpus grows",
      command: "data --input corpus.jsonl.zst --tokenizer tok --output_prefix data/corpus --split_by_hash 98,1,1",
    },
    { what: "what is in a token file", command: "data --inspect data/corpus" },
  ],
  run: ({ values, given }, context) =>
    values.inspect === null ? writeData(values, context) : inspectData(values.inspect, { values, given }, context),
});

async function writeData(options: DataOptions, context: CommandContext): Promise<void> {
  const { output_prefix: prefix, tokenizer: tokenizerName, split_by_hash: split } = options;
  if (prefix === null || tokenizerName === null) throw new Error("the parser let a required option pass");
  const started = performance.now();
  const reading = readingOptionsOf(options);
  const workers = options.workers ?? navigator.hardwareConcurrency;
  using ahead = await startThreadAhead(reading.input, workers);
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

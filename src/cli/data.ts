/** `codekiln data`: turns source code into token files. */

import { dirname } from "node:path";
import { tokenFilePaths } from "../dataset/meta.ts";
import { UserError } from "../errors.ts";
import { reason } from "../files.ts";
import { loadTokenizer } from "../tokenizer/load.ts";
import type { CommandContext } from "./command.ts";
import { writeTokens } from "./corpus_jobs.ts";
import { corpusCounts, corpusSummary } from "./corpus_summary.ts";
import { defineCommand } from "./define_command.ts";
import { optionTable, type OptionValues } from "./options.ts";
import { formatCount, formatDuration } from "./progress.ts";
import { readingOptions } from "./reading_options.ts";

const dataOptionTable = optionTable({
  ...readingOptions,
  tokenizer: {
    type: "string",
    required: true,
    placeholder: "T",
    group: "Writing",
    help:
      "Directory or file of a tokenizer (tokenizer.json, vocab.json + merges.txt, sentencepiece .model), or the name gpt2",
  },
  output_prefix: {
    type: "string",
    required: true,
    placeholder: "P",
    group: "Writing",
    help: "Path and first part of the names of the files to write",
  },
  append_eos: {
    type: "boolean",
    default: true,
    group: "Writing",
    help: "Do not put an end-of-text token behind each document",
  },
  workers: {
    type: "integer",
    default: 1,
    min: 1,
    group: "Writing",
    help: "Threads that encode; more than 1 are not there yet, refused",
  },
  json: { type: "boolean", default: false, group: "Writing", help: "Print the result as a JSON object" },
});

export const dataCommand = defineCommand({
  name: "data",
  summary: "Turn source files and archives into token files for training",
  description:
    "Reads documents, encodes them and writes P_ids.npy (all token ids), P_idx.npz (document lengths) and P_meta.json. Nothing appears under these names until all of it is written.",
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
  ],
  run: ({ values }, context) => writeData(values, context),
});

async function writeData(options: OptionValues<typeof dataOptionTable>, context: CommandContext): Promise<void> {
  const started = performance.now();
  const prefix = options.output_prefix;
  if (options.workers > 1) {
    throw new UserError("encoding with several threads is not there yet", {
      where: `--workers ${options.workers}`,
      expected: "1",
    });
  }
  const tokenizer = await loadTokenizer(options.tokenizer);
  await Deno.mkdir(dirname(prefix), { recursive: true }).catch((cause) => {
    throw new UserError(`cannot make the folder: ${reason(cause)}`, { where: `--output_prefix ${prefix}`, cause });
  });
  const { meta, report } = await writeTokens(options, { tokenizer, prefix, appendEos: options.append_eos }, context);
  const files = Object.values(tokenFilePaths(prefix));
  const bytesPerToken = meta.text_bytes / meta.tokens;
  const elapsedMs = performance.now() - started;

  for (const line of corpusSummary(report)) context.note(line);
  context.note(
    `wrote: ${formatCount(meta.tokens)} tokens, ${bytesPerToken.toFixed(2)} bytes a token, in ` +
      `${formatDuration(elapsedMs)} to ${files.join(", ")}`,
  );
  if (!options.json) return;
  const result = {
    files,
    tokens: meta.tokens,
    bytes_per_token: bytesPerToken,
    vocab_size: meta.vocab_size,
    eos_id: meta.eos_id,
    corpus_fingerprint: meta.corpus_fingerprint,
    ...corpusCounts(report),
    seconds: elapsedMs / 1000,
  };
  await context.write(`${JSON.stringify(result)}\n`);
}

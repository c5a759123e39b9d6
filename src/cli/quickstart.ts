/**
 * The quickstart: what `train` does without `--input_dir`. It takes real source code that comes with npm packages, learns a
 * vocabulary, tokenizes, trains a small GPT for a few minutes, and shows what it writes. Steps that are done already are
 * not done again, so a stopped quickstart goes on where it was.
 */

import { checkpointSteps } from "../checkpoint/find.ts";
import type { Document } from "../corpus/document.ts";
import { keyedPermutation } from "../dataset/order.ts";
import { UserError } from "../errors.ts";
import { tokenFilePaths } from "../dataset/meta.ts";
import { loadTokenizer } from "../tokenizer/load.ts";
import type { CommandContext } from "./command.ts";
import { learnVocabulary, writeTokens } from "./corpus_jobs.ts";
import { formatBytes, formatCount, formatDuration } from "./progress.ts";
import { readingOf } from "./reading_options.ts";
import type { TrainOptions } from "./train_options.ts";
import { trainWithReports } from "./train_reports.ts";
import { writeContinuations } from "./write_continuations.ts";

/** Where the quickstart keeps its things, in the current folder. */
export const quickstartFolder = {
  root: "quickstart",
  tokenizer: "quickstart/tokenizer",
  data: "quickstart/data",
  run: "quickstart/run",
} as const;

/** The options of the quickstart's model and run, where the user gave no others. */
const QUICKSTART_OPTIONS = {
  num_layers: 4,
  hidden_size: 128,
  num_heads: 4,
  max_seq_len: 128,
  micro_batch_size: 4,
  max_lr: 0.002,
  min_lr: 0.0001,
  warmup_rate: 0.05,
  adam_beta2: 0.99,
  weight_decay: 0.1,
  hidden_dropout_prob: 0,
  attention_probs_dropout_prob: 0,
  max_steps: 3000,
  eval_freq: 300,
  eval_iters: 32,
  save_steps: 300,
  split: [98, 2, 0],
} as const;

/** What a preset or a checkpoint settles by itself. */
const MODEL_SIZES: ReadonlySet<string> = new Set(["num_layers", "hidden_size", "num_heads"]);

const VOCAB_SIZE = 2048;

const PROMPTS = ["def __init__(self, name", "import os\n", '#include "absl/'];

/** Runs the quickstart. @throws {UserError} outside a checkout, where there are no npm packages. */
export async function runQuickstart(options: TrainOptions, context: CommandContext): Promise<void> {
  const started = performance.now();
  if (!context.quickstartCorpus) {
    throw new UserError("is missing", {
      where: "--input_dir",
      expected: "a folder with token files",
      hint: "make them with: codekiln tokenizer train …, then codekiln data …; the quickstart needs a checkout",
    });
  }
  const { root, tokenizer, data, run } = quickstartFolder;
  const prefix = `${data}/quickstart`;
  if (!await exists(tokenFilePaths(prefix).meta)) {
    const corpus = await context.quickstartCorpus();
    context.note("quickstart: learning from source code in npm packages:");
    for (const source of corpus.sources) context.note(`  ${source}`);
    const reading = readingOf(corpus);
    await Deno.mkdir(data, { recursive: true });
    if (!await exists(`${tokenizer}/tokenizer.json`)) {
      await learnVocabulary(reading, { vocabSize: VOCAB_SIZE, output: tokenizer }, context);
    }
    const { meta } = await writeTokens(
      reading,
      { tokenizer: await loadTokenizer(tokenizer), prefix, appendEos: true, arrange: mixed },
      context,
    );
    context.note(
      `corpus: ${formatCount(meta.documents)} files, ${formatBytes(meta.text_bytes)} of text, ` +
        `${formatCount(meta.tokens)} tokens, ${(meta.text_bytes / meta.tokens).toFixed(2)} bytes a token`,
    );
  }
  const merged = quickstartOptions(options);
  const outputDir = options.given.has("output_dir") ? options.output_dir : run;
  const resume = checkpointSteps(outputDir).length > 0;
  const result = await trainWithReports({ ...merged, input_dir: data, output_dir: outputDir, resume }, context);
  if (context.signal.aborted) return;
  context.note(`quickstart: ${formatDuration(performance.now() - started)} in all; what the model writes:\n`);
  await writeContinuations(result.checkpoint, PROMPTS, { ...merged, maxNew: 96 }, context);
  context.note(
    [
      "",
      "What to do next:",
      `  printf 'def fib(n):\\nclass Stack:\\n' | deno task generate`,
      `  deno task train --max_steps ${2 * merged.max_steps}     (goes on training: the longer, the better)`,
      "  deno task codekiln tokenizer train --input YOUR_CODE --vocab_size 8192 --output tok",
      "  deno task codekiln data --input YOUR_CODE --tokenizer tok --output_prefix data/my",
      "  deno task train --input_dir data --num_layers 6 --hidden_size 384 --num_heads 6 --max_seq_len 256",
      `Everything of the quickstart is in ${root}/; without that folder, it begins anew.`,
    ].join("\n"),
  );
}

/**
 * The documents in an order of no meaning, the same every time: the validation part is the end of the data, and should hold
 * both languages. The quickstart's corpus fits in memory many times over.
 */
async function* mixed(documents: AsyncIterable<Document>): AsyncGenerator<Document> {
  const all = await Array.fromAsync(documents);
  const order = keyedPermutation(Math.max(1, all.length), 1234, 0);
  for (let i = 0; i < all.length; i++) yield all[order.at(i)];
}

/** The user's options where given, the quickstart's elsewhere. */
export function quickstartOptions(options: TrainOptions): TrainOptions {
  const { given } = options;
  const own = Object.entries(QUICKSTART_OPTIONS).filter(([name]) =>
    !given.has(name) && !(given.has("model_name_or_path") && MODEL_SIZES.has(name))
  );
  const merged: TrainOptions = { ...options, ...Object.fromEntries(own) };
  if (merged.min_lr > merged.max_lr) {
    throw new UserError(`${merged.max_lr} is below --min_lr ${merged.min_lr} of the quickstart`, {
      where: "--max_lr",
      hint: "give --min_lr too",
    });
  }
  const globalBatch = options.given.has("global_batch_size") ? options.global_batch_size : merged.micro_batch_size;
  if (globalBatch % merged.micro_batch_size !== 0) {
    throw new UserError(`${globalBatch} samples are not whole micro batches of ${merged.micro_batch_size}`, {
      where: "--global_batch_size",
    });
  }
  return {
    ...merged,
    // The learning rate reaches its floor at the last step.
    decay_steps: options.given.has("decay_steps") ? options.decay_steps : merged.max_steps,
    global_batch_size: globalBatch,
    accumulationSteps: globalBatch / merged.micro_batch_size,
  };
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

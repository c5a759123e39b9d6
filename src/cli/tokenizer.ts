/** `codekiln tokenizer train | encode | decode`. */

import { isUtf8 } from "node:buffer";
import { UserError } from "../errors.ts";
import { loadTokenizer } from "../tokenizer/load.ts";
import { DEFAULT_PATTERN, PATTERN_NAMES, PATTERN_SUMMARIES } from "../tokenizer/patterns.ts";
import { END_OF_TEXT } from "../tokenizer/vocabulary.ts";
import type { CommandContext } from "./command.ts";
import { learnVocabulary } from "./corpus_jobs.ts";
import { corpusCounts, corpusSummary } from "./corpus_summary.ts";
import { defineCommand } from "./define_command.ts";
import { optionTable, type OptionValues } from "./options.ts";
import { formatCount, formatDuration } from "./progress.ts";
import { readingOptions } from "./reading_options.ts";
import { formatIds, parseIds } from "./token_ids.ts";

const trainOptionTable = optionTable({
  ...readingOptions,
  vocab_size: {
    type: "integer",
    required: true,
    min: 257,
    group: "Learning",
    help: "Number of tokens: 256 bytes, the merges, and the special tokens",
  },
  min_frequency: {
    type: "integer",
    default: 2,
    min: 1,
    group: "Learning",
    help: "Do not merge pairs that occur less often",
  },
  special_tokens: {
    type: "list",
    placeholder: "TEXT",
    group: "Learning",
    help:
      `Special tokens besides ${END_OF_TEXT}, which is always the first of them; they get the last ids, in this order`,
  },
  pattern: {
    type: "enum",
    values: PATTERN_NAMES,
    default: DEFAULT_PATTERN,
    group: "Learning",
    help: `How text is cut into the pieces that merges stay inside: ${
      PATTERN_NAMES.map((name) => `${name}: ${PATTERN_SUMMARIES[name]}`).join("; ")
    }`,
  },
  workers: {
    type: "integer",
    min: 1,
    max: 256,
    group: "Learning",
    help: "Threads that count pieces; default: as many as run at once. The vocabulary does not depend on it",
  },
  max_memory: {
    type: "integer",
    default: 384,
    min: 4,
    max: 8192,
    placeholder: "MIB",
    group: "Learning",
    help:
      "Memory for counting pieces and for learning merges, in MiB; where the different pieces need more, those seen least are forgotten, and how many is told",
  },
  output: { type: "string", required: true, placeholder: "DIR", group: "Writing", help: "Folder to write" },
  json: { type: "boolean", default: false, group: "Writing", help: "Print the result as a JSON object" },
});

export const tokenizerTrainCommand = defineCommand({
  name: "tokenizer train",
  summary: "Train a byte-level BPE vocabulary on source files",
  description:
    "Learns a byte-level BPE vocabulary and writes tokenizer.json, tokenizer_config.json, special_tokens_map.json, vocab.json and merges.txt.",
  options: trainOptionTable,
  examples: [
    {
      what: "8192 tokens from your own projects",
      command: "tokenizer train --input ~/projects --include '**/*.py' --vocab_size 8192 --output tok",
    },
    {
      what: "32768 tokens for code, with tokens for filling in the middle, from a large corpus",
      command: "tokenizer train --input corpus.jsonl.zst --vocab_size 32768 --pattern code --max_memory 4096 " +
        "--special_tokens '<|fim_prefix|>' '<|fim_middle|>' '<|fim_suffix|>' --output tok",
    },
  ],
  run: ({ values }, context) => train(values, context),
});

const tokenizerOption = optionTable({
  tokenizer: {
    type: "string",
    required: true,
    placeholder: "T",
    help:
      "Directory or file of a tokenizer (tokenizer.json, vocab.json + merges.txt, sentencepiece .model), or the name gpt2",
  },
});

export const tokenizerEncodeCommand = defineCommand({
  name: "tokenizer encode",
  summary: "Text on stdin to token ids on stdout",
  description: "Encodes the text on stdin and prints its token ids, separated by spaces.",
  options: optionTable({
    ...tokenizerOption,
    parse_special: {
      type: "boolean",
      default: false,
      help:
        "Take special tokens such as <|endoftext|> in the text for their ids; otherwise they are text like any other",
    },
    json: { type: "boolean", default: false, help: "Print the ids as one JSON array" },
  }),
  examples: [{ what: "GPT-2's ids of a file", command: "tokenizer encode --tokenizer gpt2 < file.py" }],
  run: ({ values }, context) => encode(values.tokenizer, values.parse_special, values.json, context),
});

export const tokenizerDecodeCommand = defineCommand({
  name: "tokenizer decode",
  summary: "Token ids on stdin to text on stdout",
  description:
    "Reads token ids from stdin, separated by white space or as JSON arrays, and prints the text they stand for, to the byte.",
  options: optionTable({
    ...tokenizerOption,
  }),
  examples: [{
    what: "there and back",
    command: "tokenizer encode --tokenizer gpt2 < file.py | codekiln tokenizer decode --tokenizer gpt2",
  }],
  run: ({ values }, context) => decode(values.tokenizer, context),
});

async function train(options: OptionValues<typeof trainOptionTable>, context: CommandContext): Promise<void> {
  const started = performance.now();
  const { output, vocab_size: vocabSize } = options;
  const { training, report } = await learnVocabulary(options, {
    output,
    vocabSize,
    minFrequency: options.min_frequency,
    specialTokens: options.special_tokens,
    pattern: options.pattern,
    workers: options.workers ?? undefined,
    maxMemory: options.max_memory * 2 ** 20,
  }, context);
  const { tokenizer, merges, forgotten, distinctPieces } = training;
  const elapsedMs = performance.now() - started;

  for (const line of corpusSummary(report)) context.note(line);
  context.note(
    `wrote: ${tokenizer.vocabSize} tokens (${merges} merges of ${formatCount(distinctPieces)} different pieces) in ` +
      `${formatDuration(elapsedMs)} to ${output}`,
  );
  if (tokenizer.vocabSize < vocabSize) {
    context.note(`fewer than the ${vocabSize} asked for: no more pairs occur as often as --min_frequency says`);
  }
  if (forgotten.pieces > 0) {
    context.note(
      `forgotten to stay within --max_memory ${options.max_memory}: ${
        formatCount(forgotten.pieces)
      } rare pieces, each ` +
        `counted up to ${formatCount(forgotten.highestCount)} times, ${formatCount(forgotten.occurrences)} in all`,
    );
  }
  if (!options.json) return;
  const result = {
    directory: output,
    vocab_size: tokenizer.vocabSize,
    merges,
    eos_id: tokenizer.eosId,
    fingerprint: tokenizer.fingerprint,
    pattern: options.pattern,
    special_tokens: training.specialTokens,
    distinct_pieces: distinctPieces,
    forgotten_pieces: forgotten.pieces,
    forgotten_occurrences: forgotten.occurrences,
    forgotten_highest_count: forgotten.highestCount,
    counting_memory_bytes: training.countingMemory,
    ...corpusCounts(report),
    seconds: elapsedMs / 1000,
  };
  await context.write(`${JSON.stringify(result)}\n`);
}

async function encode(
  name: string,
  parseSpecial: boolean,
  json: boolean,
  context: CommandContext,
): Promise<void> {
  const tokenizer = await loadTokenizer(name);
  const text = new Uint8Array(await new Response(context.stdin).arrayBuffer());
  if (!isUtf8(text)) throw new UserError("the text is not UTF-8", { where: "stdin" });
  for (const piece of formatIds(tokenizer.encode(text, { parseSpecial }), json)) await context.write(piece);
}

async function decode(name: string, context: CommandContext): Promise<void> {
  const tokenizer = await loadTokenizer(name);
  for await (const ids of parseIds(context.stdin, tokenizer.vocabSize)) await context.write(tokenizer.decode(ids));
}

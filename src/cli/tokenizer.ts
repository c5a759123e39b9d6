/** `codekiln tokenizer train | encode | decode`. */

import { isUtf8 } from "node:buffer";
import { UserError } from "../errors.ts";
import { loadTokenizer } from "../tokenizer/load.ts";
import type { CommandContext } from "./command.ts";
import { learnVocabulary } from "./corpus_jobs.ts";
import { corpusCounts, corpusSummary } from "./corpus_summary.ts";
import { formatCount, formatDuration } from "./progress.ts";
import { formatIds, parseIds } from "./token_ids.ts";
import type { DecodeOptions, EncodeOptions, TrainTokenizerOptions } from "./tokenizer_options.ts";

export async function trainTokenizer(options: TrainTokenizerOptions, context: CommandContext): Promise<void> {
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

export async function encodeText(options: EncodeOptions, context: CommandContext): Promise<void> {
  const { parse_special: parseSpecial, json } = options;
  const tokenizer = await loadTokenizer(options.tokenizer);
  const text = new Uint8Array(await new Response(context.stdin).arrayBuffer());
  if (!isUtf8(text)) throw new UserError("the text is not UTF-8", { where: "stdin" });
  for (const piece of formatIds(tokenizer.encode(text, { parseSpecial }), json)) await context.write(piece);
}

export async function decodeIds(options: DecodeOptions, context: CommandContext): Promise<void> {
  const tokenizer = await loadTokenizer(options.tokenizer);
  for await (const ids of parseIds(context.stdin, tokenizer.vocabSize)) await context.write(tokenizer.decode(ids));
}

/** Trains a byte-level BPE tokenizer: streams documents once, counts their pieces, then learns merges from the counts. */

import { UserError } from "../errors.ts";
import { BYTE_TO_CHAR, fromPrintable } from "./byte_alphabet.ts";
import { createByteLevelTokenizer } from "./byte_level.ts";
import { layOutPieces, learnMerges } from "./learn_merges.ts";
import { type CountOptions, countPieces, type CountProgress } from "./count_pieces.ts";
import { DEFAULT_PATTERN, type PatternName } from "./patterns.ts";
import type { Forgotten, PieceCost } from "./piece_table.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { END_OF_TEXT, MAX_VOCABULARY, type Vocabulary } from "./vocabulary.ts";

export interface TrainBpeOptions {
  /** Ids wanted in all: 256 bytes, merges, special tokens. */
  vocabSize: number;
  /** A pair that occurs less often is not merged. 2 unless given. */
  minFrequency?: number;
  /** Get the last ids, in this order; `<|endoftext|>` is the first of them where it is not among them. */
  specialTokens?: readonly string[];
  /** How text is cut into pieces; merges stay inside a piece. GPT-2's pattern unless given. */
  pattern?: PatternName;
  /** Threads that count pieces; as many as run at once unless given. The result does not depend on it. */
  workers?: number;
  /**
   * Bytes that the tables may take: of all threads while pieces are counted, and while merges are learnt. Where the
   * different pieces do not fit, those seen least are forgotten (see `forgotten`). 384 MiB unless given, at least 4 MiB.
   */
  maxMemory?: number;
  /** The tokenizer's name for messages and metadata. `trained` unless given. */
  name?: string;
  onProgress?: (progress: BpeProgress) => void;
  /** Stops the training with the signal's reason. */
  signal?: AbortSignal;
}

/** How far a training is: first documents are counted, then tokens are made. */
export type BpeProgress =
  | ({ phase: "count" } & CountProgress)
  | { phase: "merge"; tokens: number; of: number };

export interface BpeTraining {
  readonly tokenizer: Tokenizer;
  readonly documents: number;
  /** Bytes of text read. */
  readonly bytes: number;
  /** Different pieces that the merges were learnt from. */
  readonly distinctPieces: number;
  /**
   * What was forgotten to bound memory. While counting, the rule acts at the ends of segments of the text (`maxMemory` / 48,
   * at most 64 MiB): when the pieces take more than 35 % of the memory, all those with the lowest counts go, up to the count
   * that leaves half of that. Before learning, the same is done with what the merging tables will take. A piece counts again
   * from 0 when it comes again, so a kept count is too low by at most `highestCount` for each time the rule acted.
   */
  readonly forgotten: Forgotten;
  /** The most that all tables took together while counting, bytes. */
  readonly countingMemory: number;
  readonly merges: number;
  /** In the order of their ids, the last of the vocabulary. */
  readonly specialTokens: readonly string[];
  /** Ids wanted. Where the text has too few frequent pairs, `tokenizer.vocabSize` is smaller. */
  readonly requestedVocabSize: number;
}

const DEFAULT_MEMORY = 384 * 2 ** 20;
const LEAST_MEMORY = 2 ** 22;
/** What learning merges takes: ids, lists and pairs for each byte of a piece. */
const LEARNING_COST: PieceCost = { perPiece: 16, perByte: 24 };

/**
 * Trains byte-level BPE. All 256 bytes are tokens, so every text can be encoded.
 * @throws {UserError} where the vocabulary cannot have the size asked for, or the special tokens are unusable, or there
 * is no text.
 */
export async function trainBpe(
  documents: AsyncIterable<{ readonly text: Uint8Array }>,
  options: TrainBpeOptions,
): Promise<BpeTraining> {
  const { vocabSize, minFrequency = 2, pattern = DEFAULT_PATTERN } = options;
  const { workers = navigator.hardwareConcurrency, maxMemory = DEFAULT_MEMORY, onProgress, signal } = options;
  const wanted = options.specialTokens ?? [];
  const specialTokens = wanted.includes(END_OF_TEXT) ? wanted : [END_OF_TEXT, ...wanted];
  checkOptions({ vocabSize, minFrequency, specialTokens, workers, maxMemory });

  const { symbols, ...counts } = await countSymbols(documents, {
    pattern,
    workers,
    maxMemory,
    signal,
    onProgress: (progress) => onProgress?.({ phase: "count", ...progress }),
  });
  const tokenCount = vocabSize - specialTokens.length;
  const { tokens, merges } = await learnMerges(symbols, {
    tokenCount,
    minFrequency,
    reserved: new Set(specialTokens),
    async pause(made) {
      onProgress?.({ phase: "merge", tokens: made, of: tokenCount });
      await turn();
      signal?.throwIfAborted();
    },
  });
  onProgress?.({ phase: "merge", tokens: tokens.length, of: tokenCount });
  // Learning may have gone to its end without a pause since the signal came.
  await turn();
  signal?.throwIfAborted();

  const utf8 = new TextEncoder();
  const vocabulary: Vocabulary = {
    tokens: [...tokens.map(fromPrintable), ...specialTokens.map((text) => utf8.encode(text))],
    special: new Set(specialTokens.map((_, i) => tokens.length + i)),
    merges: Int32Array.from(merges),
    eosId: tokens.length + specialTokens.indexOf(END_OF_TEXT),
    pattern,
  };
  return {
    tokenizer: await createByteLevelTokenizer(vocabulary, options.name ?? "trained"),
    ...counts,
    merges: merges.length / 3,
    specialTokens,
    requestedVocabSize: vocabSize,
  };
}

/** Counts the pieces and lays them out for merging; the tables they were counted in are given back. */
async function countSymbols(documents: Parameters<typeof countPieces>[0], options: CountOptions) {
  const { table, peakMemory, ...read } = await countPieces(documents, options);
  if (read.bytes === 0) {
    throw new UserError("there is no text to train a vocabulary from", { where: "tokenizer training" });
  }
  table.bound(LEARNING_COST, options.maxMemory, options.maxMemory);
  const symbols = layOutPieces(table.pieces());
  table.release();
  return {
    ...read,
    symbols,
    distinctPieces: table.distinct,
    forgotten: table.forgotten,
    countingMemory: peakMemory,
  };
}

function checkOptions(
  { vocabSize, minFrequency, specialTokens, workers, maxMemory }:
    & Required<Pick<TrainBpeOptions, "vocabSize" | "minFrequency" | "specialTokens">>
    & Required<Pick<TrainBpeOptions, "workers" | "maxMemory">>,
): void {
  const smallest = 256 + specialTokens.length;
  if (!Number.isInteger(vocabSize) || vocabSize < smallest || vocabSize > MAX_VOCABULARY) {
    throw new UserError(`the vocabulary cannot have ${vocabSize} tokens`, {
      where: "vocab_size",
      expected: `a whole number from ${smallest} (256 bytes and ${specialTokens.length} special) to ${MAX_VOCABULARY}`,
    });
  }
  if (!(minFrequency >= 0)) {
    throw new UserError(`the minimum frequency is ${minFrequency}`, { where: "min_frequency", expected: "0 or more" });
  }
  if (!Number.isInteger(workers) || workers < 1) {
    throw new UserError(`${workers} threads cannot count`, { where: "workers", expected: "a whole number from 1" });
  }
  if (!(maxMemory >= LEAST_MEMORY)) {
    throw new UserError(`${maxMemory} bytes are too little to count in`, {
      where: "max_memory",
      expected: `${LEAST_MEMORY} bytes or more`,
    });
  }
  for (const [index, text] of specialTokens.entries()) {
    const taken = BYTE_TO_CHAR.includes(text) || specialTokens.indexOf(text) !== index;
    if (text === "" || taken || !text.isWellFormed()) {
      throw new UserError(`${JSON.stringify(text)} cannot be a special token`, {
        where: "special_tokens",
        expected: "different texts of more than one character",
      });
    }
  }
}

/** Lets the event loop have its turn. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

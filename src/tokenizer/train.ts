/** Trains a byte-level BPE tokenizer: streams documents once, counts their pieces, then learns merges from the counts. */

import { UserError } from "../errors.ts";
import { BYTE_TO_CHAR, fromPrintable } from "./byte_alphabet.ts";
import { createByteLevelTokenizer } from "./byte_level.ts";
import { learnMerges } from "./learn_merges.ts";
import { createPieceCounter } from "./piece_counts.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { END_OF_TEXT, MAX_VOCABULARY } from "./vocabulary.ts";

export interface TrainBpeOptions {
  /** Ids wanted in all: 256 bytes, merges, special tokens. */
  vocabSize: number;
  /** A pair that occurs less often is not merged. 2 unless given. */
  minFrequency?: number;
  /** Get the last ids, in this order. `["<|endoftext|>"]` unless given. */
  specialTokens?: readonly string[];
  /** Distinct pieces held at most; beyond it the rarest are forgotten. 20 million unless given (about 1 GB). */
  maxDistinctPieces?: number;
  /** The tokenizer's name for messages and metadata. `trained` unless given. */
  name?: string;
  onProgress?: (progress: BpeProgress) => void;
  /** Stops the training with the signal's reason. */
  signal?: AbortSignal;
}

/** How far a training is: first documents are counted, then tokens are made. */
export type BpeProgress =
  | { phase: "count"; documents: number; bytes: number; distinctPieces: number }
  | { phase: "merge"; tokens: number; of: number };

export interface BpeTraining {
  readonly tokenizer: Tokenizer;
  readonly documents: number;
  /** Bytes of text read. */
  readonly bytes: number;
  readonly distinctPieces: number;
  /** Occurrences of rare pieces that were forgotten to bound memory; 0 means that the merges are exact. */
  readonly forgottenPieces: number;
  readonly merges: number;
  /** Ids wanted. Where the text has too few frequent pairs, `tokenizer.vocabSize` is smaller. */
  readonly requestedVocabSize: number;
}

const MAX_PIECE_BYTES = 2 ** 30;
/** Time between two reports of progress, in ms; also lets timers and signals have their turn. */
const REPORT_MS = 100;

/**
 * Trains byte-level BPE with GPT-2's pre-tokenization. All 256 bytes are tokens, so every text can be encoded.
 * @throws {UserError} where the vocabulary cannot have the size asked for, or the special tokens are unusable, or there
 * is no text.
 */
export async function trainBpe(
  documents: AsyncIterable<{ readonly text: Uint8Array }>,
  options: TrainBpeOptions,
): Promise<BpeTraining> {
  const { vocabSize, minFrequency = 2, specialTokens = [END_OF_TEXT], onProgress, signal } = options;
  checkOptions(vocabSize, minFrequency, specialTokens);

  const counter = createPieceCounter({ pieces: options.maxDistinctPieces ?? 20_000_000, bytes: MAX_PIECE_BYTES });
  let documentCount = 0;
  let bytes = 0;
  let nextReport = performance.now() + REPORT_MS;
  const reportCount = () =>
    onProgress?.({ phase: "count", documents: documentCount, bytes, distinctPieces: counter.distinct });
  for await (const { text } of documents) {
    signal?.throwIfAborted();
    counter.add(text);
    documentCount++;
    bytes += text.length;
    if (performance.now() > nextReport) {
      reportCount();
      await turn();
      nextReport = performance.now() + REPORT_MS;
    }
  }
  signal?.throwIfAborted();
  if (bytes === 0) throw new UserError("there is no text to train a vocabulary from", { where: "tokenizer training" });
  reportCount();

  const tokenCount = vocabSize - specialTokens.length;
  const { tokens, merges } = await learnMerges(counter.pieces(), {
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

  const utf8 = new TextEncoder();
  const eos = specialTokens.indexOf(END_OF_TEXT);
  const vocabulary = {
    tokens: [...tokens.map(fromPrintable), ...specialTokens.map((text) => utf8.encode(text))],
    special: new Set(specialTokens.map((_, i) => tokens.length + i)),
    merges: Int32Array.from(merges),
    eosId: eos < 0 ? null : tokens.length + eos,
  };
  return {
    tokenizer: await createByteLevelTokenizer(vocabulary, options.name ?? "trained"),
    documents: documentCount,
    bytes,
    distinctPieces: counter.distinct,
    forgottenPieces: counter.forgotten,
    merges: merges.length / 3,
    requestedVocabSize: vocabSize,
  };
}

function checkOptions(vocabSize: number, minFrequency: number, specialTokens: readonly string[]): void {
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

/**
 * A folder of token files as training, validation and test samples.
 *
 * Documents are split by `splitBoundaries`; a part is the run of tokens of its documents. Data that were split when they were made
 * (`data --split_by_hash`) keep those parts. A sample is maxSeqLen + 1 neighbouring tokens of its part, and the next one starts on its
 * last token: samples cross documents, and each token but the first is predicted once (what is left at the end of a part, less than a
 * sample, is not used). Nothing is built or cached: sample i is a multiplication and a positioned read.
 */

import { UserError } from "../errors.ts";
import { type SampleOrder, sequentialOrder, shuffledOrder } from "./order.ts";
import { splitBoundaries, type SplitPart, splitParts } from "./split.ts";
import { openTokenSequence, type TokenSequence } from "./token_sequence.ts";

/** `all` is every document, whatever the split. */
export type PartName = SplitPart | "all";

export interface DatasetOptions {
  /** Tokens that the model sees at once; a sample has one more. */
  maxSeqLen: number;
  /** Weights of train, valid and test. A part of weight 0 is absent. Default 900, 50, 50. */
  split?: readonly number[];
  /** Shuffles the training part, each epoch anew. Without it, training samples come in file order too. */
  seed?: number;
  /** Ids at or above it are an error when read: the model's vocabulary size. */
  vocabSize?: number;
  /** The parts that will be read; the others may be empty. Default: every part of weight above 0. */
  parts?: readonly PartName[];
}

/** One part of a dataset. */
export interface DatasetPart {
  readonly name: PartName;
  readonly documents: number;
  readonly tokens: number;
  /** Number of samples, at least 1. */
  readonly samples: number;
  readonly maxSeqLen: number;
  /** Which sample comes k-th: shuffled for training, in file order elsewhere. */
  readonly order: SampleOrder;
  /** Reads the maxSeqLen + 1 ids of a sample by its place in the file. */
  readSample(sample: number, out: Uint32Array): void;
}

/** An open dataset. Close it, or declare it with `using`. */
export interface Dataset extends Disposable {
  /** Paths of the token files without `_ids.npy`, in order. */
  readonly prefixes: readonly string[];
  readonly documents: number;
  readonly tokens: number;
  /** Changes when the data do: what a resumed run compares. */
  readonly fingerprint: string;
  /** From the meta files; null where there are none. */
  readonly tokenizer: { readonly name: string; readonly fingerprint: string } | null;
  readonly vocabSize: number | null;
  readonly eosId: number | null;
  /** A part by name; null where its weight is 0 or `parts` does not name it. */
  part(name: PartName): DatasetPart | null;
  close(): void;
}

/**
 * Opens a folder of token files (`--input_dir`).
 * @throws {UserError} where there are no token files, tokenizers differ, or a part has no sample.
 * @throws {FormatError} where a file is damaged.
 *
 * @example
 * ```ts
 * import { openDataset } from "./dataset.ts";
 * import { readBatch } from "./batch.ts";
 *
 * using dataset = await openDataset("tests/golden/bytes/data", { maxSeqLen: 33, split: [1, 0, 0], seed: 1234 });
 * const train = dataset.part("train");
 * if (train) console.log(readBatch(train, 0, 3).inputs.length); // 99
 * ```
 */
export async function openDataset(folder: string, options: DatasetOptions): Promise<Dataset> {
  const { maxSeqLen, split = [900, 50, 50], seed, vocabSize } = options;
  if (!Number.isSafeInteger(maxSeqLen) || maxSeqLen < 1) {
    throw new UserError(`${maxSeqLen} is no sample length`, {
      where: "--max_seq_len",
      expected: "a whole number from 1",
    });
  }
  const sequence = await openTokenSequence(folder, vocabSize);
  try {
    const ranges = await partRanges(sequence, split);
    const wanted = options.parts ?? splitParts;
    requireOwnParts(sequence, split, options.parts ?? []);
    const parts = new Map<PartName, DatasetPart>();
    for (const range of ranges.filter((range) => wanted.includes(range.name))) {
      if (samplesIn(range.tokens, maxSeqLen) === 0) {
        throw await noSamples(sequence, range, ranges, split, wanted, maxSeqLen);
      }
      parts.set(range.name, openPart(range, maxSeqLen, range.name === "train" ? seed : undefined));
    }
    return {
      prefixes: sequence.prefixes,
      documents: sequence.documents,
      tokens: sequence.tokens,
      fingerprint: sequence.fingerprint,
      tokenizer: sequence.meta?.tokenizer ?? null,
      vocabSize: sequence.meta?.vocab_size ?? null,
      eosId: sequence.meta?.eos_id ?? null,
      part: (name) => parts.get(name) ?? null,
      close: sequence.close,
      [Symbol.dispose]: sequence.close,
    };
  } catch (error) {
    sequence.close();
    throw error;
  }
}

interface PartRange {
  readonly name: PartName;
  /** What `firstToken` counts in. */
  readonly sequence: TokenSequence;
  readonly documents: number;
  readonly firstToken: number;
  readonly tokens: number;
}

/** Whole samples in a run of tokens. */
function samplesIn(tokens: number, maxSeqLen: number): number {
  return Math.max(0, Math.floor((tokens - 1) / maxSeqLen));
}

/** The parts of weight above 0, and `all`. */
async function partRanges(sequence: TokenSequence, split: readonly number[]): Promise<PartRange[]> {
  if (sequence.parts !== null) return await ownParts(sequence, sequence.parts, split);
  const boundaries = splitBoundaries(split, sequence.documents);
  const offsets = await sequence.documentOffsets(boundaries);
  const ranges: PartRange[] = [{
    name: "all",
    sequence,
    documents: sequence.documents,
    firstToken: 0,
    tokens: sequence.tokens,
  }];
  for (const [i, name] of splitParts.entries()) {
    if (!(split[i] > 0)) continue;
    const firstToken = offsets.get(boundaries[i]) ?? 0;
    const end = offsets.get(boundaries[i + 1]) ?? 0;
    ranges.push({ name, sequence, documents: boundaries[i + 1] - boundaries[i], firstToken, tokens: end - firstToken });
  }
  return ranges;
}

/** The parts that the data come with; of the weights counts only whether one is 0. Checks all indexes, as `partRanges` does. */
async function ownParts(
  sequence: TokenSequence,
  parts: ReadonlyMap<SplitPart, TokenSequence>,
  split: readonly number[],
): Promise<PartRange[]> {
  await sequence.documentOffsets([]);
  const rangeOf = (name: PartName, sequence: TokenSequence): PartRange => {
    const { documents, tokens } = sequence;
    return { name, sequence, documents, firstToken: 0, tokens };
  };
  const used = [...parts].filter(([name]) => split[splitParts.indexOf(name)] > 0);
  return [rangeOf("all", sequence), ...used.map(([name, own]) => rangeOf(name, own))];
}

/** @throws {UserError} where data that were split by hash lack a part that is asked for. */
function requireOwnParts(
  { parts, prefixes }: TokenSequence,
  split: readonly number[],
  asked: readonly PartName[],
): void {
  for (const [i, name] of splitParts.entries()) {
    if (parts === null || parts.has(name) || !asked.includes(name) || !(split[i] > 0)) continue;
    throw new UserError(`the data have no ${name} part: they were split by hash into ${[...parts.keys()].join(", ")}`, {
      where: prefixes[0],
      hint: `make them again with another --split_by_hash, or give --split ${split.with(i, 0).join(",")}`,
    });
  }
}

function openPart(range: PartRange, maxSeqLen: number, seed: number | undefined): DatasetPart {
  const { name, sequence, documents, tokens, firstToken } = range;
  const samples = samplesIn(tokens, maxSeqLen);
  return {
    name,
    documents,
    tokens,
    samples,
    maxSeqLen,
    order: seed === undefined ? sequentialOrder({ samples }) : shuffledOrder({ samples, seed }),
    readSample(sample, out) {
      if (!(sample >= 0 && sample < samples)) throw new RangeError(`sample ${sample} of ${samples}`);
      sequence.read(firstToken + sample * maxSeqLen, maxSeqLen + 1, out);
    },
  };
}

/** The error about an empty part, with the options that would work on these documents. */
async function noSamples(
  sequence: TokenSequence,
  empty: PartRange,
  ranges: readonly PartRange[],
  split: readonly number[],
  wanted: readonly PartName[],
  maxSeqLen: number,
): Promise<UserError> {
  const used = ranges.filter((range) => wanted.includes(range.name));
  const remedies: string[] = [];
  const longest = Math.min(...used.map((range) => range.tokens)) - 1;
  if (longest >= 1) remedies.push(`--max_seq_len ${longest} or less`);
  if (empty.name !== "all" && sequence.parts === null) {
    const working = await workingSplit(sequence, split, used.map((range) => range.name), maxSeqLen);
    if (working !== null) remedies.push(`--split ${working.join(",")}`);
  }
  remedies.push("more documents");
  const documents = empty.documents === 1 ? "1 document" : `${empty.documents} documents`;
  const what = empty.documents === 0 ? "no documents" : `${documents} with ${empty.tokens} tokens`;
  return new UserError(
    `the ${empty.name} part gets ${what} of the ${sequence.documents} documents with ${sequence.tokens} tokens`,
    {
      where: empty.name === "all" ? `--max_seq_len ${maxSeqLen}` : `--split ${split.join(",")}`,
      expected: `at least ${maxSeqLen + 1} tokens, one sample of --max_seq_len ${maxSeqLen}`,
      hint: `what would work: ${remedies.join(", or ")}`,
    },
  );
}

/** The first of some usual splits under which every used part has a sample; else the one part that can have some. */
async function workingSplit(
  sequence: TokenSequence,
  split: readonly number[],
  used: readonly PartName[],
  maxSeqLen: number,
): Promise<number[] | null> {
  const largest = splitParts.findIndex((_, i) => split[i] === Math.max(...split));
  const usual = [[98, 1], [90, 5], [80, 10], [60, 20], [1, 1]].map(([most, other]) =>
    splitParts.map((_, i) => !(split[i] > 0) ? 0 : i === largest ? most : other)
  );
  const single = splitParts.map((_, i) => i === largest ? 1 : 0);
  for (const weights of [...usual, single]) {
    const ranges = (await partRanges(sequence, weights)).filter((range) => used.includes(range.name));
    if (ranges.length > 0 && ranges.every((range) => samplesIn(range.tokens, maxSeqLen) > 0)) return weights;
  }
  return null;
}

/**
 * What is in a token file: its counts, how long documents are, languages, and the beginnings of some documents. Headers and the whole
 * index are read and checked; of the ids, those of the documents that are shown.
 */
import type { TokenFileMeta } from "./meta.ts";
import { openTokenFile } from "./token_reader.ts";

/** Documents whose length in tokens is at least `from` and at most `to`. */
export interface LengthBin {
  readonly from: number;
  readonly to: number;
  readonly documents: number;
  readonly tokens: number;
}

export interface Inspection {
  readonly prefix: string;
  readonly documents: number;
  readonly tokens: number;
  readonly lengths: { readonly min: number; readonly mean: number; readonly median: number; readonly max: number };
  /** Doubling from bin to bin; those at the ends have documents. */
  readonly histogram: readonly LengthBin[];
  /** What the description says; null where there is none. */
  readonly meta: TokenFileMeta | null;
  /** Documents from all over the file. */
  readonly samples: readonly DocumentSample[];
}

export interface DocumentSample {
  /** Number of the document, from 0. */
  readonly document: number;
  /** Tokens in all. */
  readonly tokens: number;
  /** The first of them. */
  readonly ids: Uint32Array;
}

/** Lengths up to this one are counted one by one, for the median; longer ones by their bin. */
const exactLengths = 1 << 20;

/**
 * Looks into a token file.
 * @param options.documents Documents to take samples of, evenly over the file.
 * @param options.sampleTokens Tokens of each, at most.
 * @throws {UserError} where a file is missing.
 * @throws {FormatError} where a file is damaged, naming file and byte, or array and place.
 */
export async function inspectTokenFile(
  prefix: string,
  { documents: wanted, sampleTokens }: { documents: number; sampleTokens: number },
): Promise<Inspection> {
  using file = await openTokenFile(prefix);
  const { documents, tokens, meta } = file;
  const chosen = [
    ...new Set(Array.from({ length: wanted }, (_, i) => Math.floor((i * documents) / wanted))),
  ].filter((document) => document < documents);
  const marks = [...new Set(chosen.flatMap((document) => [document, document + 1]))].sort((a, b) => a - b);
  const offsets = await file.documentOffsets(marks);
  const offsetOf = (document: number) => offsets[marks.indexOf(document)];

  const samples = chosen.map((document): DocumentSample => {
    const length = offsetOf(document + 1) - offsetOf(document);
    const ids = new Uint32Array(Math.min(length, sampleTokens));
    file.read(offsetOf(document), ids.length, ids);
    return { document, tokens: length, ids };
  });
  return { prefix, documents, tokens, meta, samples, ...await measureLengths(file.lengths(), documents, tokens) };
}

async function measureLengths(
  lengths: AsyncIterable<ArrayLike<number>>,
  documents: number,
  tokens: number,
): Promise<Pick<Inspection, "lengths" | "histogram">> {
  const counts = new Float64Array(exactLengths + 1);
  const bins: { documents: number; tokens: number }[] = [];
  let min = Infinity;
  let max = 0;
  for await (const values of lengths) {
    for (let i = 0; i < values.length; i++) {
      const length = values[i];
      min = Math.min(min, length);
      max = Math.max(max, length);
      counts[Math.min(length, exactLengths)]++;
      const bin = binOf(length);
      while (bins.length <= bin) bins.push({ documents: 0, tokens: 0 });
      bins[bin].documents++;
      bins[bin].tokens += length;
    }
  }
  let median = 0;
  for (let before = counts[0]; before < documents / 2 && median < exactLengths;) before += counts[++median];
  const first = bins.findIndex((bin) => bin.documents > 0);
  const histogram = bins.map((bin, i) => ({ from: i === 0 ? 0 : 2 ** (i - 1), to: i === 0 ? 0 : 2 ** i - 1, ...bin }));
  return {
    lengths: { min: documents === 0 ? 0 : min, mean: documents === 0 ? 0 : tokens / documents, median, max },
    histogram: first < 0 ? [] : histogram.slice(first),
  };
}

/** 0 for 0, else one more than the logarithm: 1, 2 to 3, 4 to 7, … */
function binOf(length: number): number {
  return length === 0 ? 0 : 32 - Math.clz32(length);
}

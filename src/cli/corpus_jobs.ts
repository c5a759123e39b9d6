/** Jobs over a corpus with progress on stderr: learning a vocabulary, and encoding documents in an order of the caller's. */

import type { Document } from "../corpus/document.ts";
import { readCorpus, type ReadCorpusOptions } from "../corpus/read.ts";
import type { CorpusReport } from "../corpus/report.ts";
import { buildTokenFile } from "../dataset/build.ts";
import type { TokenFileMeta } from "../dataset/meta.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { type BpeTraining, trainBpe, type TrainBpeOptions } from "../tokenizer/train.ts";
import type { CommandContext } from "./command.ts";
import { corpusCounts } from "./corpus_summary.ts";
import { formatCount, startProgress, stderrProgressOutput } from "./progress.ts";
import { corpusOptions, type Reading } from "./reading_options.ts";

/** What a job needs of the outside world. */
export type Outside = Pick<CommandContext, "signal" | "note"> & { readonly stdin?: CommandContext["stdin"] };

/** Of the damage that `--on_error skip` leaves out, so many are told one by one. */
const TOLD_DAMAGE = 20;

/** The reading's options, with input, progress and notes of damage tied to the outside world. */
export function corpusReading(
  reading: Reading,
  outside: Outside,
  onProgress: (report: CorpusReport) => void,
): ReadCorpusOptions {
  let told = 0;
  return {
    ...corpusOptions(reading),
    stdin: reading.input.includes("-") ? outside.stdin : undefined,
    signal: outside.signal,
    onProgress,
    onDamage(what) {
      if (++told <= TOLD_DAMAGE) outside.note(`left out, damaged: ${what}`);
      else if (told === TOLD_DAMAGE + 1) outside.note("left out, damaged: more, which are only counted");
    },
  };
}

/** What to learn, and the folder to write it to. */
export interface VocabularyJob extends Omit<TrainBpeOptions, "name" | "onProgress" | "signal"> {
  readonly output: string;
}

/** Learns a vocabulary and writes it to a folder. */
export async function learnVocabulary(
  reading: Reading,
  { output, ...options }: VocabularyJob,
  outside: Outside,
): Promise<{ training: BpeTraining; report: CorpusReport }> {
  using counting = startProgress({ label: "counting pieces", unit: "bytes" }, stderrProgressOutput());
  const { documents, report } = readCorpus(
    reading.input,
    corpusReading(
      reading,
      outside,
      ({ bytesRead, totalBytes }) => counting.update(bytesRead, { total: totalBytes }),
    ),
  );
  let merging: ReturnType<typeof startProgress> | null = null;
  try {
    const training = await trainBpe(documents, {
      ...options,
      name: output,
      signal: outside.signal,
      onProgress(progress) {
        if (progress.phase !== "merge") return;
        if (!merging) {
          counting.finish();
          merging = startProgress(
            { label: "learning merges", unit: "tokens", total: progress.of },
            stderrProgressOutput(),
          );
        }
        merging.update(progress.tokens, { total: progress.of });
      },
    });
    await training.tokenizer.save(output);
    (merging as ReturnType<typeof startProgress> | null)?.finish();
    return { training, report };
  } finally {
    (merging as ReturnType<typeof startProgress> | null)?.[Symbol.dispose]();
  }
}

export interface TokenFileJob {
  tokenizer: Tokenizer;
  /** Path and first part of the names of the files. */
  prefix: string;
  appendEos: boolean;
  /** Changes the order of the documents; they keep it where absent. */
  arrange?: (documents: AsyncIterable<Document>) => AsyncIterable<Document>;
}

/** Encodes a corpus, in any order, into `<prefix>_ids.npy`, `<prefix>_idx.npz` and `<prefix>_meta.json`. */
export async function writeTokens(
  reading: Reading,
  { tokenizer, prefix, appendEos, arrange = (documents) => documents }: TokenFileJob,
  outside: Outside,
): Promise<{ meta: TokenFileMeta; report: CorpusReport }> {
  using progress = startProgress({ label: "tokenizing", unit: "bytes" }, stderrProgressOutput());
  let tokens = 0;
  const { documents, report } = readCorpus(
    reading.input,
    corpusReading(
      reading,
      outside,
      ({ bytesRead, totalBytes }) =>
        progress.update(bytesRead, { total: totalBytes, extra: `${formatCount(tokens)} tokens` }),
    ),
  );
  const meta = await buildTokenFile({
    documents: arrange(documents),
    tokenizer: { ...tokenizer, name: await absoluteName(tokenizer.name) },
    prefix,
    appendEos,
    signal: outside.signal,
    onProgress: (built) => tokens = built.tokens,
    options: { ...reading },
    corpus: () => ({ ...corpusCounts(report), languages: report.languages }),
  });
  progress.update(report.bytesRead, { extra: `${formatCount(meta.tokens)} tokens` });
  progress.finish();
  return { meta, report };
}

/** The name under which training finds the tokenizer again from any folder: its full path, or `gpt2`. */
export async function absoluteName(name: string): Promise<string> {
  return name === "gpt2" ? name : await Deno.realPath(name);
}

/** Trains a vocabulary on a stream that is many times as long as the corpus at hand, and prints how memory goes along. */

import { optionTable, type OptionValues } from "../src/cli/options.ts";
import { trainBpe } from "../src/tokenizer/train.ts";
import { runBench } from "./bench_options.ts";
import { repeatedCorpus } from "./repeated_corpus.ts";

const options = optionTable({
  input: { type: "list", required: true, placeholder: "PATH", help: "The corpus" },
  gigabytes: { type: "number", default: 10, above: 0, help: "Text to read, the corpus again and again" },
  max_memory: { type: "integer", default: 384, min: 1, help: "Memory for the tables in MiB" },
  vocab_size: { type: "integer", default: 30000, min: 257, help: "Size of the vocabulary" },
  json: { type: "boolean", default: false, help: "Print the results as JSON" },
});

interface Point {
  readonly gigabytes: number;
  readonly distinctPieces: number;
  /** Resident memory of the process, bytes. */
  readonly residentBytes: number;
  readonly seconds: number;
}

/** The highest resident memory of this process, bytes; 0 where the system does not tell. */
async function peakMemory(): Promise<number> {
  const status = await Deno.readTextFile("/proc/self/status").catch(() => "");
  return Number(/VmHWM:\s*(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
}

async function run(values: OptionValues<typeof options>): Promise<boolean> {
  const bytes = values.gigabytes * 1e9;
  const started = performance.now();
  const points: Point[] = [];
  const megabytes = (size: number) => `${(size / 1e6).toFixed(0)} MB`;
  const tell = (line: string) => values.json || console.log(line);
  const training = await trainBpe(repeatedCorpus(values.input, bytes), {
    vocabSize: values.vocab_size,
    maxMemory: values.max_memory * 2 ** 20,
    onProgress(progress) {
      if (progress.phase !== "count" || progress.bytes < (points.length + 1) * bytes / 10) return;
      points.push({
        gigabytes: progress.bytes / 1e9,
        distinctPieces: progress.distinctPieces,
        residentBytes: Deno.memoryUsage().rss,
        seconds: (performance.now() - started) / 1000,
      });
      const { gigabytes, distinctPieces, residentBytes, seconds } = points[points.length - 1];
      tell(
        `${gigabytes.toFixed(2)} GB  ${(distinctPieces / 1e6).toFixed(2)} M pieces  ` +
          `resident ${megabytes(residentBytes)}  ${seconds.toFixed(0)} s`,
      );
    },
  });
  const { countingMemory, distinctPieces, forgotten, merges } = training;
  const result = {
    ...{ bytes: training.bytes, countingMemory, distinctPieces, forgotten, merges, points },
    peakBytes: await peakMemory(),
    seconds: (performance.now() - started) / 1000,
  };
  if (values.json) console.log(JSON.stringify(result));
  tell(`counting tables: at most ${megabytes(countingMemory)} of ${megabytes(values.max_memory * 2 ** 20)}`);
  tell(
    `forgotten: ${forgotten.pieces} pieces, up to ${forgotten.highestCount} times each, ${forgotten.occurrences} in all`,
  );
  tell(`learnt ${merges} merges from ${distinctPieces} pieces; highest resident memory ${megabytes(result.peakBytes)}`);
  return true;
}

if (import.meta.main) {
  await runBench({
    command: "deno task bench:bpe-memory",
    description:
      "Trains a vocabulary on the corpus, repeated with changes until there is so much text, and prints how memory goes along.",
    options,
    example: "--input corpus.jsonl --gigabytes 2",
    run,
  });
}

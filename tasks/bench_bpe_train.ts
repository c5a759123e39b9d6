/**
 * Trains a byte-level BPE vocabulary with codekiln and with Hugging Face's tokenizers (npm:tokenizers, Rust), each in a
 * process of its own, one after the other, and compares: time, peak memory, and the merges in their order.
 *
 * The other trainer has no options: it makes up to 30,000 tokens without special ones, merges whatever occurs, and reads
 * a text file line by line, so codekiln gets the same lines here, each as a document. It runs on one thread.
 */

import { optionTable, type OptionValues } from "../src/cli/options.ts";
import { readCorpus } from "../src/corpus/read.ts";
import { UserError } from "../src/errors.ts";
import { trainBpe } from "../src/tokenizer/train.ts";
import { runBench } from "./bench_options.ts";
import { runDeno } from "./deno_command.ts";

const options = optionTable({
  input: { type: "list", required: true, placeholder: "PATH", help: "The corpus" },
  bytes: { type: "integer", default: 100_000_000, min: 1, help: "Text to train on, at most" },
  workers: {
    type: "string",
    default: [...new Set([1, navigator.hardwareConcurrency])].join(","),
    placeholder: "N,N",
    help: "Numbers of counting threads, each a run of its own",
  },
  rounds: { type: "integer", default: 1, min: 1, help: "Turns of each; the best time counts" },
  json: { type: "boolean", default: false, help: "Print the results as JSON" },
  side: {
    type: "string",
    placeholder: "SIDE",
    help: "Train on a text file in this process: reference, or a number of threads",
  },
});

interface Side {
  readonly name: string;
  readonly seconds: number;
  /** Highest resident memory of the process, bytes; 0 where the system does not tell. */
  readonly peakBytes: number;
  readonly merges: number;
  /** The first merge that is another one than the reference's, or null. */
  readonly differsAt: number | null;
}

/** What a process that trains prints. */
interface Run {
  readonly seconds: number;
  readonly peakBytes: number;
}

const REFERENCE = "npm:tokenizers, 1 thread";
/** What keeps the reference to one thread; codekiln does not look at it. */
const ONE_THREAD = { RAYON_NUM_THREADS: "1", TOKENIZERS_PARALLELISM: "false" };

/** Writes at most so many bytes of a corpus's documents, whole lines, to a text file; gives the bytes. */
async function writeText(input: readonly string[], most: number, path: string): Promise<number> {
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  let written = 0;
  for await (const { text } of readCorpus(input).documents) {
    const end = text.lastIndexOf(0x0a, most - written - 1) + 1;
    const part = text.length <= most - written ? text : text.subarray(0, end);
    for (let at = 0; at < part.length;) at += await file.write(part.subarray(at));
    written += part.length;
    if (part.length < text.length) break;
  }
  return written;
}

/** The lines of a file, endings kept, as they are read. */
async function* linesOf(path: string): AsyncGenerator<{ text: Uint8Array }> {
  using file = await Deno.open(path);
  let buffer = new Uint8Array(1 << 20);
  let filled = 0;
  for (let count = await file.read(buffer); count !== null; count = await file.read(buffer.subarray(filled))) {
    filled += count;
    let start = 0;
    for (let end = buffer.indexOf(0x0a); end >= 0 && end < filled; end = buffer.indexOf(0x0a, start)) {
      yield { text: buffer.subarray(start, end + 1) };
      start = end + 1;
    }
    buffer.copyWithin(0, start, filled);
    filled -= start;
    if (filled === buffer.length) {
      const larger = new Uint8Array(filled * 2);
      larger.set(buffer);
      buffer = larger;
    }
  }
  if (filled > 0) yield { text: buffer.subarray(0, filled) };
}

/** Trains in this process; the merges go to `<text>.<kind>.merges`, one a line. */
async function train(kind: string, text: string): Promise<Run> {
  let started = performance.now();
  let seconds: number;
  let merges: readonly string[];
  if (kind === "reference") {
    const { BPE, byteLevelPreTokenizer, Tokenizer } = await import("../tests/tokenizer/hugging_face.ts");
    started = performance.now();
    const reference = new Tokenizer(BPE.empty());
    reference.setPreTokenizer(byteLevelPreTokenizer(false));
    reference.train([text]);
    seconds = (performance.now() - started) / 1000;
    reference.save(`${text}.reference.json`);
    const { model } = await readReference(text);
    merges = model.merges.map((merge) => typeof merge === "string" ? merge : merge.join(" "));
  } else {
    // The reference's alphabet has only the bytes that it saw.
    const made = Object.keys((await readReference(text)).model.vocab).filter((token) => token.length > 1).length;
    started = performance.now();
    const options = { vocabSize: 257 + made, minFrequency: 1, workers: Number(kind) };
    const { tokenizer } = await trainBpe(linesOf(text), options);
    seconds = (performance.now() - started) / 1000;
    await tokenizer.save(`${text}.${kind}`);
    merges = (await Deno.readTextFile(`${text}.${kind}/merges.txt`)).split("\n").slice(1, -1);
  }
  await Deno.writeTextFile(`${text}.${kind}.merges`, merges.join("\n"));
  return { seconds, peakBytes: await peakMemory() };
}

interface ReferenceFile {
  readonly model: { readonly vocab: Record<string, number>; readonly merges: readonly (string | [string, string])[] };
}

async function readReference(text: string): Promise<ReferenceFile> {
  return JSON.parse(await Deno.readTextFile(`${text}.reference.json`));
}

/** The highest resident memory of this process, bytes. */
async function peakMemory(): Promise<number> {
  const status = await Deno.readTextFile("/proc/self/status").catch(() => "");
  return Number(/VmHWM:\s*(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
}

async function compare(text: string, workers: readonly string[], rounds: number): Promise<Side[]> {
  const best = new Map<string, Run>();
  for (let round = 0; round < rounds; round++) {
    for (const kind of ["reference", ...workers]) {
      const args = ["run", "-A", "--quiet", "tasks/bench_bpe_train.ts", "--side", kind, "--input", text];
      const run: Run = JSON.parse(await runDeno(args, ONE_THREAD));
      const before = best.get(kind);
      const seconds = Math.min(run.seconds, before?.seconds ?? Infinity);
      best.set(kind, { seconds, peakBytes: Math.max(run.peakBytes, before?.peakBytes ?? 0) });
    }
  }
  const mergesOf = async (kind: string) => (await Deno.readTextFile(`${text}.${kind}.merges`)).split("\n");
  const expected = await mergesOf("reference");
  return await Promise.all([...best].map(async ([kind, run]) => {
    const merges = await mergesOf(kind);
    const length = Math.max(merges.length, expected.length);
    const differsAt = Array.from({ length }, (_, i) => i).find((i) => merges[i] !== expected[i]) ?? null;
    const name = kind === "reference" ? REFERENCE : `codekiln, ${kind} counting`;
    return { name, ...run, merges: merges.length, differsAt };
  }));
}

function table(sides: readonly Side[], bytes: number): string {
  const lines = sides.map(({ name, seconds, peakBytes, merges, differsAt }) =>
    [
      name.padEnd(26),
      seconds.toFixed(2).padStart(9),
      (bytes / 1e6 / seconds).toFixed(1).padStart(7),
      `${(sides[0].seconds / seconds).toFixed(1)} ×`.padStart(8),
      (peakBytes / 1e6).toFixed(0).padStart(9),
      `${merges}`.padStart(8),
      differsAt === null ? "  the same" : `  merge ${differsAt} differs`,
    ].join(" ")
  );
  const head = `${"".padEnd(26)}   seconds    MB/s    ratio   peak MB   merges  in order`;
  return [`${(bytes / 1e6).toFixed(1)} MB of text`, head, ...lines].join("\n");
}

async function run(values: OptionValues<typeof options>): Promise<boolean> {
  if (values.side !== null) {
    console.log(JSON.stringify(await train(values.side, values.input[0])));
    return true;
  }
  const workers = values.workers?.split(",") ?? [];
  if (!workers.every((count) => /^[1-9]\d*$/.test(count))) {
    throw new UserError(`"${values.workers}"`, { where: "--workers", expected: "whole numbers from 1, as in 1,2" });
  }
  const folder = await Deno.makeTempDir({ prefix: "codekiln-bench-" });
  try {
    const text = `${folder}/corpus.txt`;
    const bytes = await writeText(values.input, values.bytes, text);
    const sides = await compare(text, workers, values.rounds);
    console.log(values.json ? JSON.stringify({ bytes, sides }) : table(sides, bytes));
    return sides.every(({ differsAt }) => differsAt === null);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  await runBench({
    command: "deno task bench:bpe-train",
    description:
      "Trains a vocabulary with codekiln and with npm:tokenizers, one after the other, and compares time, memory and merges. " +
      "Ends with exit code 1 where any merge differs.",
    options,
    example: "--input corpus.jsonl --workers 1,2",
    run,
  });
}

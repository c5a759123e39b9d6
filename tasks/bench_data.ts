/**
 * Times `data` beside its encoders, and shows that its memory stays flat.
 *
 * In turns: as many threads as workers encode the corpus's documents from memory and do nothing else, which is the encoders' own rate,
 * each with an empty cache; then the whole command, from the input to the token file; then what it does besides encoding, each part alone
 * and on one thread: reading (and decompressing), parsing, writing as many bytes. From the first and the last comes the share of the
 * encoders' own rate that would be left if all of it were spread evenly over the workers and nothing else took time.
 *
 * Rates are of UTF-8 text. With --gigabytes the corpus then goes in through a pipe again and again, each time with other words, until so
 * much text is reached; printed is the peak of the whole process's resident memory.
 */

import { median } from "../src/bench/measure.ts";
import { optionTable, type OptionValues } from "../src/cli/options.ts";
import { createBlockParser } from "../src/corpus/parse.ts";
import { readBlocks, readCorpus } from "../src/corpus/read.ts";
import { UserError } from "../src/errors.ts";
import { writeFully } from "../src/files.ts";
import { isThreadFor, threadName } from "../src/thread.ts";
import { loadTokenizer } from "../src/tokenizer/load.ts";
import { runBench } from "./bench_options.ts";
import { fromRoot } from "./deno_command.ts";
import { repeatedCorpus } from "./repeated_corpus.ts";

const KIND = "bench-encode";

const options = optionTable({
  input: { type: "string", required: true, placeholder: "FILE", help: "The corpus" },
  tokenizer: { type: "string", default: "gpt2", help: "What it is encoded with" },
  workers: { type: "integer", default: 2, min: 1, help: "Threads of both" },
  turns: { type: "integer", default: 5, min: 0, help: "How often encoders and data take turns" },
  gigabytes: { type: "list", placeholder: "N", help: "Sizes of text at which memory is looked at, such as 0.1 1 10" },
});

interface Share {
  readonly input: string;
  readonly tokenizer: string;
  readonly worker: number;
  readonly workers: number;
}

/** A thread of the encoders' own rate: takes every n-th document into memory, says so, and encodes them when told to. */
function serve(
  scope: { postMessage(message: unknown): void; onmessage: ((event: MessageEvent) => void) | null },
): void {
  scope.onmessage = async ({ data: { input, tokenizer: name, worker, workers } }: MessageEvent<Share>) => {
    const tokenizer = await loadTokenizer(name);
    const texts: Uint8Array[] = [];
    let bytes = 0;
    let number = 0;
    for await (const { text } of readCorpus([input]).documents) {
      if (number++ % workers !== worker) continue;
      texts.push(text);
      bytes += text.length;
    }
    const ids = new Uint32Array(texts.reduce((most, text) => Math.max(most, text.length), 0));
    scope.onmessage = () => {
      for (const text of texts) tokenizer.encodeInto(text, ids);
      scope.postMessage(bytes);
    };
    scope.postMessage("ready");
  };
}

/** Bytes of text a second of so many encoders at once. */
async function encodersRate(input: string, tokenizer: string, workers: number): Promise<number> {
  const threads = Array.from(
    { length: workers },
    () => new Worker(import.meta.url, { type: "module", name: threadName(KIND) }),
  );
  const answers = () =>
    Promise.all(
      threads.map((thread) => new Promise<unknown>((resolve) => thread.onmessage = ({ data }) => resolve(data))),
    );
  const ready = answers();
  threads.forEach((thread, worker) => thread.postMessage({ input, tokenizer, worker, workers } satisfies Share));
  await ready;
  const done = answers();
  const started = performance.now();
  for (const thread of threads) thread.postMessage("go");
  const bytes = (await done).reduce((sum: number, part) => sum + Number(part), 0);
  const seconds = (performance.now() - started) / 1000;
  for (const thread of threads) thread.terminate();
  return bytes / seconds;
}

/** Seconds of one thread. */
interface Parts {
  readonly read: number;
  readonly parse: number;
  readonly write: number;
}

/** What `data` does besides encoding, each part alone. */
async function timeParts(input: string, outputBytes: number): Promise<Parts> {
  const { blocks, reuse } = readBlocks([input]);
  const parseBlock = await createBlockParser();
  let parse = 0;
  const started = performance.now();
  for await (const block of blocks) {
    const parsing = performance.now();
    parseBlock(block, () => {});
    parse += performance.now() - parsing;
    reuse(block.bytes.buffer);
  }
  const read = performance.now() - started - parse;
  const path = await Deno.makeTempFile();
  try {
    const ids = new Uint8Array(1024 * 1024).fill(1);
    const writing = performance.now();
    using file = await Deno.open(path, { write: true });
    for (let at = 0; at < outputBytes; at += ids.length) writeFully(file, ids.subarray(0, outputBytes - at), path);
    const write = performance.now() - writing;
    return { read: read / 1000, parse: parse / 1000, write: write / 1000 };
  } finally {
    await Deno.remove(path);
  }
}

interface DataRun {
  readonly textBytes: number;
  readonly outputBytes: number;
  /** By the command's own clock: from the tokenizer's loading to the last file's final name. */
  readonly seconds: number;
  /** The whole process, its start and end included. */
  readonly wholeSeconds: number;
  /** Highest resident memory seen, bytes; null where the system does not tell. */
  readonly peakBytes: number | null;
}

/** Runs `codekiln data` as a process of its own. */
async function runData(args: string[], text?: AsyncIterable<Uint8Array>): Promise<DataRun> {
  const folder = await Deno.makeTempDir();
  const command = ["run", "-A", "--quiet", fromRoot("tasks/codekiln.ts"), "data"];
  try {
    const started = performance.now();
    const child = new Deno.Command(Deno.execPath(), {
      args: [...command, ...args, "--output_prefix", `${folder}/x`, "--json"],
      stdin: text ? "piped" : "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    let peak: number | null = null;
    const watch = setInterval(() => peak = peakMemory(child.pid) ?? peak, 50);
    const output = child.output();
    if (text) await ReadableStream.from(text).pipeTo(child.stdin).catch(() => {}); // it tells why it has ended
    const { stdout, stderr, success } = await output;
    const wholeSeconds = (performance.now() - started) / 1000;
    clearInterval(watch);
    if (!success) throw new Error(`codekiln data failed:\n${new TextDecoder().decode(stderr)}`);
    const { text_bytes, seconds, files } = JSON.parse(new TextDecoder().decode(stdout));
    const outputBytes = files.reduce((sum: number, path: string) => sum + Deno.statSync(path).size, 0);
    return { textBytes: text_bytes, outputBytes, seconds, wholeSeconds, peakBytes: peak };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The high-water mark of a process's resident memory, as Linux keeps it. */
function peakMemory(pid: number): number | null {
  try {
    const line = /VmHWM:\s+(\d+) kB/.exec(Deno.readTextFileSync(`/proc/${pid}/status`));
    return line ? Number(line[1]) * 1024 : null;
  } catch {
    return null;
  }
}

async function* asJsonl(documents: AsyncIterable<{ text: Uint8Array }>): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  for await (const { text } of documents) yield encoder.encode(`${JSON.stringify({ text: decoder.decode(text) })}\n`);
}

async function run({ input, tokenizer, workers, turns, gigabytes }: OptionValues<typeof options>): Promise<boolean> {
  if (input === null) throw new Error("the parser let a required option pass");
  const sizes = gigabytes.flatMap((word) => word.split(",")).map(Number);
  if (sizes.some((size) => !(size > 0))) {
    throw new UserError("not a list of sizes", { where: "--gigabytes", expected: "numbers above 0" });
  }
  const rateOf = (bytes: number, seconds: number) => `${(bytes / seconds / 1e6).toFixed(1)} MB/s`;
  const peakOf = ({ peakBytes }: DataRun) => peakBytes === null ? "?" : `${(peakBytes / 1e6).toFixed(0)} MB`;
  const secondsOf = (seconds: number) => `${seconds.toFixed(2)} s`;
  const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
  const common = ["--tokenizer", tokenizer, "--workers", `${workers}`];
  const shares: number[] = [];
  const wholeShares: number[] = [];
  const idealShares: number[] = [];
  for (let turn = 0; turn < turns; turn++) {
    const own = await encodersRate(input, tokenizer, workers);
    const data = await runData(["--input", input, ...common]);
    const { read, parse, write } = await timeParts(input, data.outputBytes);
    const encode = data.textBytes / own;
    shares.push(encode / data.seconds);
    wholeShares.push(encode / data.wholeSeconds);
    idealShares.push(encode / (encode + (read + parse + write) / workers));
    console.log(
      `${workers} encoders ${rateOf(own, 1)}, data ${rateOf(data.textBytes, data.seconds)} (${
        percent(shares[turn])
      }), with the process's start ${rateOf(data.textBytes, data.wholeSeconds)}, peak ${peakOf(data)}; ` +
        `alone: reading ${secondsOf(read)}, parsing ${secondsOf(parse)}, writing ${secondsOf(write)} ` +
        `(leaves at most ${percent(idealShares[turn])})`,
    );
  }
  if (turns > 0) {
    console.log(
      `data at ${percent(median(shares))} of its encoders' own rate (median), ` +
        `${percent(median(wholeShares))} with the process's start; ` +
        `at most ${percent(median(idealShares))} if nothing but reading, parsing, encoding and writing took time`,
    );
  }
  for (const size of sizes) {
    const data = await runData(["--input", "-", ...common], asJsonl(repeatedCorpus([input], size * 1e9)));
    console.log(
      `${(data.textBytes / 1e9).toFixed(2)} GB: peak ${peakOf(data)}, ${rateOf(data.textBytes, data.seconds)}`,
    );
  }
  return true;
}

if (isThreadFor(KIND)) serve(globalThis as unknown as Parameters<typeof serve>[0]);
else if (import.meta.main) {
  await runBench({
    command: "deno task bench:data",
    description:
      "Times data beside as many encoders that do nothing else, and looks at its memory while the corpus goes in again and again.",
    options,
    example: "--input corpus.jsonl.zst --gigabytes 0.1 1 10",
    run,
  });
}

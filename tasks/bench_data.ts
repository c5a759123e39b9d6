/**
 * Times `data` beside its encoders, and shows that its memory stays flat.
 *
 *     deno task bench:data --input corpus.jsonl.zst [--tokenizer gpt2] [--workers 2] [--turns 3] [--gigabytes 0.1,1,10]
 *
 * First, in turns: as many threads as workers encode the corpus's documents from memory and do nothing else, which is the encoders' own
 * rate; then the whole command, from the compressed file to the token file. Rates are of UTF-8 text; the best turn counts. Then the corpus
 * goes in through a pipe again and again, each time changed, until so many gigabytes of text are reached; printed is the peak of
 * the whole process's resident memory.
 */

import { parseArgs } from "node:util";
import { readCorpus } from "../src/corpus/read.ts";
import { isThreadFor, threadName } from "../src/thread.ts";
import { loadTokenizer } from "../src/tokenizer/load.ts";
import { fromRoot } from "./deno_command.ts";

const KIND = "bench-encode";

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
      texts.push(text.slice());
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

interface DataRun {
  readonly textBytes: number;
  readonly seconds: number;
  /** Highest resident memory seen, bytes; null where the system does not tell. */
  readonly peakBytes: number | null;
}

/** Runs `codekiln data` as a process of its own. */
async function runData(args: string[], folder: string, text?: AsyncIterable<Uint8Array>): Promise<DataRun> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--quiet",
      fromRoot("tasks/codekiln.ts"),
      "data",
      ...args,
      "--output_prefix",
      `${folder}/x`,
      "--json",
    ],
    stdin: text ? "piped" : "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  let peak: number | null = null;
  const watch = setInterval(() => peak = peakMemory(child.pid) ?? peak, 50);
  if (text) {
    const writer = child.stdin.getWriter();
    for await (const chunk of text) await writer.write(chunk);
    await writer.close();
  }
  const { stdout, success } = await child.output();
  clearInterval(watch);
  if (!success) throw new Error("codekiln data failed");
  const { text_bytes, seconds } = JSON.parse(new TextDecoder().decode(stdout));
  return { textBytes: text_bytes, seconds, peakBytes: peak };
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

/** The corpus as jsonl, again and again until there are `bytes` of text; from the second time on with other names in it. */
async function* repeated(input: string, bytes: number): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  let sent = 0;
  for (let turn = 0;; turn++) {
    for await (const { text } of readCorpus([input]).documents) {
      if (sent >= bytes) return;
      sent += text.length;
      const own = decoder.decode(text);
      const changed = turn === 0 ? own : own.replace(/e[rs]\b/g, (ending) => `${ending}${turn}`);
      yield encoder.encode(`${JSON.stringify({ text: changed })}\n`);
    }
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      input: { type: "string" },
      tokenizer: { type: "string", default: "gpt2" },
      workers: { type: "string", default: "2" },
      turns: { type: "string", default: "3" },
      gigabytes: { type: "string", default: "" },
    },
  });
  const { input, tokenizer } = values;
  if (!input) throw new Error("give --input, a .jsonl.zst");
  const workers = Number(values.workers);
  const folder = await Deno.makeTempDir();
  const megabytes = (rate: number) => `${(rate / 1e6).toFixed(1)} MB/s`;
  const peakOf = ({ peakBytes }: DataRun) => peakBytes === null ? "?" : `${(peakBytes / 1e6).toFixed(0)} MB`;
  const common = ["--tokenizer", tokenizer, "--workers", values.workers];
  try {
    let encoders = 0;
    let whole = 0;
    for (let turn = 0; turn < Number(values.turns); turn++) {
      const own = await encodersRate(input, tokenizer, workers);
      const run = await runData(["--input", input, ...common], folder);
      const rate = run.textBytes / run.seconds;
      console.log(`${workers} encoders ${megabytes(own)}, data ${megabytes(rate)}, peak ${peakOf(run)}`);
      [encoders, whole] = [Math.max(encoders, own), Math.max(whole, rate)];
    }
    if (encoders > 0) console.log(`best: data at ${(100 * whole / encoders).toFixed(0)} % of its encoders' own rate`);
    for (const size of values.gigabytes.split(",").filter(Boolean).map(Number)) {
      const run = await runData(["--input", "-", ...common], folder, repeated(input, size * 1e9));
      console.log(
        `${(run.textBytes / 1e9).toFixed(2)} GB: peak ${peakOf(run)}, ${megabytes(run.textBytes / run.seconds)}`,
      );
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (isThreadFor(KIND)) serve(globalThis as unknown as Parameters<typeof serve>[0]);
else if (import.meta.main) await main();

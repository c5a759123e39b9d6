/**
 * Rates of encoding: the encoder's two engines, with one worker and with two, and other tokenizers. All take turns, round
 * after round, so that a machine that changes its speed changes everybody's. The others get a part of the documents that
 * takes them about as long.
 */

import { median } from "../src/bench/measure.ts";
import { createEncoder } from "../src/tokenizer/encoder.ts";
import type { EncoderTables, EngineName } from "../src/tokenizer/engine.ts";
import { gpt2Vocabulary } from "../src/tokenizer/gpt2.ts";
import { loadTokenizer } from "../src/tokenizer/load.ts";
import { byteIds } from "../src/tokenizer/vocabulary.ts";
import { isThreadFor, threadName } from "../src/thread.ts";
import { longPieces } from "../tests/tokenizer/hostile.ts";
import { requirePackage } from "./packages.ts";

export interface Measurement {
  readonly name: string;
  /** The median of the rounds. */
  readonly megabytesPerSecond: number;
  readonly slowest: number;
  readonly fastest: number;
  /** The rate of each round. */
  readonly rounds: readonly number[];
}

export interface LongPiece {
  readonly name: string;
  readonly wasmMs: number;
  readonly scriptMs: number;
}

interface Contestant {
  readonly name: string;
  /** Part of the documents, by bytes. */
  readonly share: number;
  /** Encodes documents; gives the time in ms. */
  measure(texts: readonly Uint8Array[]): Promise<number>;
}

const kind = "bench-tokenizer";
const engines: readonly EngineName[] = ["WebAssembly", "TypeScript"];

/** GPT-2's vocabulary. */
function tables(): EncoderTables {
  const vocabulary = gpt2Vocabulary();
  return { byteToId: byteIds(vocabulary, "gpt2"), merges: vocabulary.merges, pattern: "gpt2" };
}

function choiceOf(engine: EngineName): "best" | "TypeScript" {
  return engine === "TypeScript" ? engine : "best";
}

/** @param rounds Turns of each contestant. */
export async function measureAll(
  texts: readonly Uint8Array[],
  rounds: number,
  note: (line: string) => void,
): Promise<Measurement[]> {
  const contestants = [
    ...engines.flatMap((engine) => [1, 2].map((workers) => workersOf(engine, workers))),
    ...await tiktokenNode(note),
    await tiktoken(),
    await tokenizers(),
  ];
  const rates = contestants.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, { name, share, measure }] of contestants.entries()) {
      const some = texts.slice(0, Math.max(1, Math.floor(texts.length * share)));
      const bytes = some.reduce((sum, { length }) => sum + length, 0);
      const rate = bytes / 1000 / await measure(some);
      rates[i].push(rate);
      note(`round ${round + 1}: ${name} ${rate.toFixed(1)} MB/s`);
    }
  }
  return contestants.map(({ name }, i) => ({
    name,
    megabytesPerSecond: median(rates[i]),
    slowest: Math.min(...rates[i]),
    fastest: Math.max(...rates[i]),
    rounds: rates[i],
  }));
}

/** Encodes a single piece of a megabyte of every bad kind. */
export function measureLongPieces(): LongPiece[] {
  return longPieces(1 << 20).map(([name, text]) => {
    const bytes = new TextEncoder().encode(text).subarray(0, 1 << 20);
    const [wasmMs, scriptMs] = engines.map((engine) => {
      const { encode } = createEncoder(tables(), choiceOf(engine));
      const started = performance.now();
      encode(bytes);
      return performance.now() - started;
    });
    return { name, wasmMs, scriptMs };
  });
}

function workersOf(engine: EngineName, count: number): Contestant {
  return {
    name: `${engine}, ${count === 1 ? "1 worker" : `${count} workers`}`,
    share: 1,
    async measure(texts) {
      const parts = Array.from({ length: count }, (_, i) => texts.filter((_, at) => at % count === i));
      const workers = await Promise.all(parts.map((part) => startWorker(engine, part)));
      const started = performance.now();
      await Promise.all(workers.map(({ run }) => run()));
      const elapsed = performance.now() - started;
      for (const { stop } of workers) stop();
      return elapsed;
    },
  };
}

interface BenchWorker {
  run(): Promise<void>;
  stop(): void;
}

/** A worker that has its documents and a new encoder, and waits to begin. */
async function startWorker(engine: EngineName, texts: readonly Uint8Array[]): Promise<BenchWorker> {
  const worker = new Worker(import.meta.url, { type: "module", name: threadName(kind) });
  const answer = () =>
    new Promise<void>((resolve, reject) => {
      worker.onmessage = () => resolve();
      worker.onerror = (event) => reject(new Error(event.message));
    });
  await answer();
  const ready = answer();
  const size = texts.reduce((sum, { length }) => sum + length, 0);
  const bytes = new Uint8Array(new SharedArrayBuffer(size));
  const ends: number[] = [];
  let at = 0;
  for (const text of texts) {
    bytes.set(text, at);
    ends.push(at += text.length);
  }
  worker.postMessage({ engine, bytes, ends });
  await ready;
  return {
    run() {
      const done = answer();
      worker.postMessage(null);
      return done;
    },
    stop: () => worker.terminate(),
  };
}

interface Job {
  readonly engine: EngineName;
  readonly bytes: Uint8Array;
  readonly ends: readonly number[];
}

/** What a worker does: takes a job, then does it when told to. */
function work(): void {
  const scope = globalThis as unknown as {
    postMessage(message: unknown): void;
    onmessage: ((event: MessageEvent<Job | null>) => void) | null;
  };
  let run = () => {};
  scope.onmessage = ({ data }) => {
    if (data === null) run();
    else {
      const encoder = createEncoder(tables(), choiceOf(data.engine));
      if (encoder.engine !== data.engine) throw new Error(`there is no ${data.engine} here`);
      const ids = new Uint32Array(data.ends.reduce((most, end, i) => Math.max(most, end - (data.ends[i - 1] ?? 0)), 0));
      run = () => {
        let start = 0;
        for (const end of data.ends) {
          encoder.encodeInto(data.bytes.subarray(start, end), ids);
          start = end;
        }
      };
    }
    scope.postMessage(null);
  };
  scope.postMessage(null);
}

interface StringEncoder {
  encode(text: string): ArrayLike<number>;
}

interface OrdinaryEncoder {
  encode_ordinary(text: string): Uint32Array;
}

/** A native addon, which not every machine has: the fastest of the others where it runs. */
async function tiktokenNode(note: (line: string) => void): Promise<Contestant[]> {
  try {
    const library = await requirePackage("tiktoken-node") as { getEncoding(name: string): StringEncoder };
    const encoding = library.getEncoding("gpt2");
    return [contestantOnStrings("npm:tiktoken-node", 1 / 20, (text) => encoding.encode(text))];
  } catch (error) {
    note(`npm:tiktoken-node does not run here: ${error}`);
    return [];
  }
}

async function tiktoken(): Promise<Contestant> {
  const library = await requirePackage("tiktoken") as { get_encoding(name: string): OrdinaryEncoder };
  const encoding = library.get_encoding("gpt2");
  return contestantOnStrings("npm:tiktoken", 1 / 20, (text) => encoding.encode_ordinary(text));
}

async function tokenizers(): Promise<Contestant> {
  const directory = await Deno.makeTempDir();
  await (await loadTokenizer("gpt2")).save(directory);
  const { Tokenizer } = await import("../tests/tokenizer/hugging_face.ts");
  const reference = Tokenizer.fromString(await Deno.readTextFile(`${directory}/tokenizer.json`));
  await Deno.remove(directory, { recursive: true });
  return contestantOnStrings("npm:tokenizers", 1 / 50, async (text) => {
    (await reference.encode(text, null, { addSpecialTokens: false })).getIds();
  });
}

function contestantOnStrings(name: string, share: number, encode: (text: string) => unknown): Contestant {
  return {
    name,
    share,
    async measure(texts) {
      const strings = texts.map((text) => new TextDecoder().decode(text));
      const started = performance.now();
      for (const text of strings) {
        const ids = encode(text);
        if (ids instanceof Promise) await ids;
      }
      return performance.now() - started;
    },
  };
}

if (isThreadFor(kind)) work();

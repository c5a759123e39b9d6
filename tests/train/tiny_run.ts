/** A tiny training run for tests: a generated corpus of code-like lines, the golden byte-level tokenizer, a two-layer model. */
import { buildTokenFile } from "../../src/dataset/build.ts";
import type { Document } from "../../src/corpus/document.ts";
import type { RunEvents, RunOptions } from "../../src/train/run.ts";
import { loadTokenizer } from "../../src/tokenizer/load.ts";
import type { Tokenizer } from "../../src/tokenizer/tokenizer.ts";

const TOKENIZER = new URL("../golden/bytes/tokenizer.json", import.meta.url).pathname;

/** The tokenizer of 256 bytes and end-of-text. */
export function tinyTokenizer(): Promise<Tokenizer> {
  return loadTokenizer(TOKENIZER);
}

async function* documents(count: number): AsyncGenerator<Document> {
  for (let i = 0; i < count; i++) {
    const text = `def f${i % 7}(x):\n    return x + ${i % 10}\n\n\nclass C${i % 5}:\n    pass\n`;
    yield { text: new TextEncoder().encode(text), path: `${i}.py`, language: "python" };
    await Promise.resolve();
  }
}

/** Gives a test a folder with a dataset of 60 documents in `data`. */
export async function withTinyData(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await writeTinyData(`${folder}/data`);
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function writeTinyData(folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  await buildTokenFile({ documents: documents(60), tokenizer: await tinyTokenizer(), prefix: `${folder}/tiny` });
}

/** Options of a short run with dropout and accumulation. */
export function tinyOptions(folder: string, output: string, changes: Partial<RunOptions> = {}): RunOptions {
  return {
    inputDir: `${folder}/data`,
    outputDir: `${folder}/${output}`,
    split: [8, 2, 0],
    model: {
      modelNameOrPath: null,
      layers: 2,
      hiddenSize: 16,
      heads: 2,
      vocabSize: null,
      maxSeqLen: 24,
      hiddenDropout: 0.1,
      attentionDropout: 0.1,
    },
    resume: false,
    microBatchSize: 2,
    accumulation: 2,
    schedule: { maxLr: 3e-3, minLr: 1e-4, warmupRate: 0.1, decaySteps: 20, style: "cosine" },
    adamW: { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, maxNorm: 1 },
    weightDecay: 0.1,
    seed: 7,
    maxSteps: 6,
    loggingFreq: 1,
    evalFreq: 3,
    evalIters: 2,
    saveSteps: 100,
    ...changes,
  };
}

/** Events that do nothing, but for those given. */
export function quietly(events: Partial<RunEvents> = {}): RunEvents {
  return { onStart() {}, onStep() {}, onEvaluation() {}, onSave() {}, ...events };
}

/** metrics.jsonl without what a clock says. */
export function metricsWithoutTimes(path: string): unknown[] {
  return Deno.readTextFileSync(path).trimEnd().split("\n").map((line) => {
    const { tokens_per_second: _rate, step_ms: _ms, time: _time, ...rest } = JSON.parse(line);
    return rest;
  });
}

/** Names and contents of a folder's files. */
export function filesOf(folder: string): Map<string, string> {
  const files = [...Deno.readDirSync(folder)].map(({ name }): [string, string] => [
    name,
    Deno.readFileSync(`${folder}/${name}`).toBase64(),
  ]);
  return new Map(files.sort(([a], [b]) => a < b ? -1 : 1));
}

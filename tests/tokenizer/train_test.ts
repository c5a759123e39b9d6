import { BPE, byteLevelPreTokenizer, Tokenizer as Reference } from "./hugging_face.ts";
import { loadTokenizer } from "../../src/tokenizer/load.ts";
import { type BpeProgress, trainBpe, type TrainBpeOptions } from "../../src/tokenizer/train.ts";
import { assert, assertFails } from "../assert.ts";
import { assertSameIds, projectTexts, referenceOf } from "./oracle.ts";

const utf8 = new TextEncoder();

async function* documents(...texts: string[]): AsyncIterable<{ text: Uint8Array }> {
  for (const text of texts) yield { text: utf8.encode(text) };
}

async function inTemporaryDirectory(action: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await action(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function train(texts: string[], options: TrainBpeOptions): Promise<Awaited<ReturnType<typeof trainBpe>>> {
  return await trainBpe(documents(...texts), options);
}

/** The lines of `merges.txt` after saving, without its header. */
async function mergesOf(directory: string, texts: string[], options: TrainBpeOptions): Promise<string[]> {
  const { tokenizer } = await train(texts, options);
  await tokenizer.save(directory);
  return (await Deno.readTextFile(`${directory}/merges.txt`)).split("\n").slice(1, -1);
}

/** Hugging Face's merges over the same lines: its trainer makes up to 30,000 tokens, minimum frequency 0. */
async function referenceMerges(directory: string, lines: string[]): Promise<string[]> {
  await Deno.writeTextFile(`${directory}/corpus.txt`, lines.join(""));
  const reference = new Reference(BPE.empty());
  reference.setPreTokenizer(byteLevelPreTokenizer(false));
  reference.train([`${directory}/corpus.txt`]);
  reference.save(`${directory}/reference.json`);
  const json = JSON.parse(await Deno.readTextFile(`${directory}/reference.json`));
  return json.model.merges.map((merge: string | [string, string]) =>
    typeof merge === "string" ? merge : merge.join(" ")
  );
}

/** Real code in lines with their endings, since the reference reads line by line. */
async function codeLines(): Promise<string[]> {
  const libraries = ["valibot", "fast-check"].map((name) => Deno.readTextFile(new URL(import.meta.resolve(name))));
  const texts = [
    ...await projectTexts(),
    ...(await Promise.allSettled(libraries)).flatMap((result) => result.status === "fulfilled" ? [result.value] : []),
  ];
  return texts.join("\n").match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

Deno.test("merges learned from real code are Hugging Face's, in order", async () => {
  await inTemporaryDirectory(async (directory) => {
    const lines = await codeLines();
    const expected = await referenceMerges(directory, lines);
    const ours = await mergesOf(directory, lines, { vocabSize: 257 + expected.length, minFrequency: 1, workers: 2 });
    assert.ok(expected.length > 5000);
    assert.deepEqual(ours, expected);
  });
});

Deno.test("merges learned from text full of ties and repetitions are Hugging Face's", async () => {
  await inTemporaryDirectory(async (directory) => {
    let state = 1;
    const random = (below: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor(state / 2 ** 32 * below);
    };
    const word = () => Array.from({ length: 1 + random(9) }, () => "aabcé="[random(6)]).join("");
    const lines = Array.from({ length: 400 }, () => Array.from({ length: 1 + random(6) }, word).join(" ") + "\n");
    const expected = await referenceMerges(directory, lines);
    const ours = await mergesOf(directory, lines, { vocabSize: 257 + expected.length, minFrequency: 1 });
    assert.deepEqual(ours, expected);
  });
});

Deno.test("a trained vocabulary, saved, gives the reference's ids", async () => {
  await inTemporaryDirectory(async (directory) => {
    const texts = await projectTexts();
    const { tokenizer, merges } = await train(texts.slice(0, 20), { vocabSize: 2000 });
    assert.equal(tokenizer.vocabSize, 2000);
    assert.equal(tokenizer.eosId, 1999);
    assert.equal(merges, 2000 - 257);
    await tokenizer.save(directory);
    await assertSameIds(tokenizer, await referenceOf(directory), [
      ...texts,
      "\0\u0085\ufeff漢字😀 constructor __proto__",
    ]);
    assert.equal((await loadTokenizer(directory)).fingerprint, tokenizer.fingerprint);
  });
});

Deno.test("every byte can be encoded after training on a few letters", async () => {
  const { tokenizer } = await train(["abab abab"], { vocabSize: 300 });
  const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  assert.deepEqual(tokenizer.decode(tokenizer.encode(bytes)), bytes);
});

Deno.test("a text with too few pairs gives a smaller vocabulary and says so", async () => {
  const result = await train(["ab ab ab"], { vocabSize: 1000 });
  assert.equal(result.requestedVocabSize, 1000);
  assert.equal(result.merges, 2); // `ab`, ` ab`
  assert.equal(result.tokenizer.vocabSize, 256 + 2 + 1);
  assert.equal(result.tokenizer.eosId, 258);
});

Deno.test("minFrequency keeps rare pairs apart", async () => {
  const merges = async (minFrequency?: number) =>
    (await train(["ab ab ab cd"], { vocabSize: 1000, minFrequency })).merges;
  assert.equal(await merges(1), 4); // `ab`, ` ab`, `cd`, ` cd`
  assert.equal(await merges(), 2);
  assert.equal(await merges(3), 1);
  assert.equal(await merges(4), 0);
});

Deno.test("special tokens get the last ids, and no learned token spells one", async () => {
  const { tokenizer, specialTokens } = await train(["pad pad pad"], { vocabSize: 300, specialTokens: ["pad"] });
  assert.deepEqual(specialTokens, ["<|endoftext|>", "pad"]);
  const ids = tokenizer.encode(utf8.encode("pad"));
  assert.ok(ids.length > 1);
  assert.equal(tokenizer.eosId, tokenizer.vocabSize - 2);
  assert.equal(new TextDecoder().decode(tokenizer.decode([tokenizer.vocabSize - 1])), "pad");
});

Deno.test("training reports its progress and stops when asked to", async () => {
  const reports: BpeProgress[] = [];
  await trainBpe(documents("some text", "more text"), { vocabSize: 280, onProgress: (report) => reports.push(report) });
  assert.deepEqual(reports[0], { phase: "count", documents: 2, bytes: 18, distinctPieces: 3 });
  assert.equal(reports.at(-1)?.phase, "merge");

  const stop = new AbortController();
  async function* endless(): AsyncIterable<{ text: Uint8Array }> {
    for (let i = 0;; i++) {
      if (i === 1000) stop.abort(new Error("stopped by the test"));
      yield { text: utf8.encode("text") };
    }
  }
  await assert.rejects(trainBpe(endless(), { vocabSize: 300, signal: stop.signal }), /stopped by the test/);
});

Deno.test("a stop while merges are learnt ends the training, and nothing is saved", async () => {
  const texts = await projectTexts();
  const stop = new AbortController();
  let tokens = 0;
  const training = train(texts, {
    vocabSize: 20_000,
    minFrequency: 1,
    signal: stop.signal,
    onProgress(progress) {
      if (progress.phase !== "merge") return;
      tokens = progress.tokens;
      stop.abort(new Error("stopped while merging"));
    },
  });
  await assert.rejects(training, /stopped while merging/);
  assert.ok(tokens >= 256 && tokens < 20_000 - 1);
});

Deno.test("training refuses what cannot be", async () => {
  await assertFails(() => train(["text"], { vocabSize: 256 }), "vocab_size", "257");
  await assertFails(() => train(["text"], { vocabSize: 300.5 }), "vocab_size");
  await assertFails(() => train(["text"], { vocabSize: 300, minFrequency: -1 }), "min_frequency");
  await assertFails(() => train(["text"], { vocabSize: 300, workers: 0 }), "workers");
  await assertFails(() => train(["text"], { vocabSize: 300, maxMemory: 1000 }), "max_memory");
  await assertFails(() => train([], { vocabSize: 300 }), "no text");
  await assertFails(() => train(["text"], { vocabSize: 300, specialTokens: ["a"] }), "special");
  await assertFails(() => train(["text"], { vocabSize: 300, specialTokens: ["<x>", "<x>"] }), "special");
});

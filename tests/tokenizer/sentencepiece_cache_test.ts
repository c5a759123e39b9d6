/** The piece cache of sentencepiece models: the library's own ids, and only where that is certain. */
import fc from "fast-check";
import { cachedEncoding, isCacheable } from "../../src/tokenizer/sentencepiece_cache.ts";
import { parseSentencePieceModel } from "../../src/tokenizer/sentencepiece_model.ts";
import { loadTokenizer } from "../../src/tokenizer/load.ts";
import { assert } from "../assert.ts";
import { modelBytes, type ModelOptions } from "./sentencepiece_files.ts";

fc.configureGlobal({ seed: 20261125 });

/** Pieces made by merging pairs, so that each is reached; spaces stand only in front. */
const PIECES = [
  ..."▁abcde(",
  ...["ab", "▁a", "▁▁", "cd", "abc", "▁ab", "▁▁▁▁", "de", "▁abc", "bc", "▁▁a", "cde", "((", "(a", "ea"],
];

async function withModel(options: ModelOptions, action: (file: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${folder}/some.model`, modelBytes(options));
    await action(`${folder}/some.model`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const texts = fc.string({
  unit: fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom("a", "b", "c", "d", "e", "(", " ", "  ", "▁") },
    { weight: 1, arbitrary: fc.constantFrom("\n", "é", "🙂", "\0", "x", "\u3000", "\ufeff") },
  ),
  maxLength: 60,
});

/** The library itself, past the project's tokenizer. */
async function libraryOf(file: string): Promise<(text: string) => number[]> {
  const { SentencePieceProcessor } = await import("sentencepiece-js");
  const processor = new SentencePieceProcessor();
  await processor.load(file);
  return (text) => [...processor.encodeIds(text)];
}

for (const byteFallback of [true, false]) {
  for (const dummyPrefix of [true, false]) {
    const what = `${byteFallback ? "bytes for" : "unknown"} strange characters, ${
      dummyPrefix ? "a" : "no"
    } dummy prefix`;
    Deno.test(`a BPE model gives the library's ids through the cache: ${what}`, async () => {
      await withModel({ pieces: PIECES, bpe: true, byteFallback, dummyPrefix }, async (file) => {
        assert.ok(isCacheable(parseSentencePieceModel(Deno.readFileSync(file), file)));
        const tokenizer = await loadTokenizer(file);
        const library = await libraryOf(file);
        const utf8 = new TextEncoder();
        fc.assert(
          fc.property(texts, (text) => {
            assert.deepEqual([...tokenizer.encode(utf8.encode(text))], library(text), JSON.stringify(text));
          }),
          { numRuns: 1500 },
        );
        for (const text of [" ", "  ", "a ", " a", "a  ", "a  b ", "", "▁", "▁ a", "a ▁ b", "a".repeat(500) + " b"]) {
          assert.deepEqual([...tokenizer.encode(utf8.encode(text))], library(text), JSON.stringify(text));
        }
      });
    });
  }
}

Deno.test("models whose pieces or settings reach over a space are not cached", () => {
  const cacheable = (options: ModelOptions) =>
    isCacheable(
      parseSentencePieceModel(modelBytes({ pieces: PIECES, bpe: true, byteFallback: true, ...options }), "x"),
    );
  assert.ok(cacheable({}));
  assert.ok(!cacheable({ bpe: false }), "unigram");
  assert.ok(!cacheable({ pieces: [...PIECES, "a▁b"] }), "a piece with a space inside");
  assert.ok(!cacheable({ pieces: [...PIECES, "a▁"] }), "a piece with a space at its end");
  assert.ok(!cacheable({ removeSpaces: true }), "white space is removed");
  assert.ok(!cacheable({ byteFallback: false, pieces: PIECES.filter((piece) => piece !== "▁") }), "an unknown space");
});

Deno.test("each part is encoded once, and a full cache starts anew", () => {
  const asked: string[] = [];
  const encode = cachedEncoding((part) => {
    asked.push(part);
    return [part.length];
  }, false);
  assert.deepEqual(encode("ab cd ab cd  ab"), [2, 3, 3, 3, 4]);
  assert.deepEqual(asked, ["ab", " cd", " ab", "  ab"]);
  for (let i = 0; i < 1 << 17; i++) encode(`x${i}`);
  asked.length = 0;
  encode("ab cd");
  assert.deepEqual(asked, ["ab", " cd"]);
});

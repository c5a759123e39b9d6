import fc from "fast-check";
import type { Tokenizer as Reference } from "./hugging_face.ts";
import { loadTokenizer } from "../../src/tokenizer/load.ts";
import type { Tokenizer } from "../../src/tokenizer/tokenizer.ts";
import { assert } from "../assert.ts";
import { codePoints, codePointTexts, hostileStrings, longPieces } from "./hostile.ts";
import {
  assertSameIds,
  type BatchEncoder,
  projectTexts,
  referenceOf,
  sameBytes,
  shortTextReferenceOf,
} from "./oracle.ts";

const utf8 = new TextEncoder();

interface Compared {
  readonly tokenizer: Tokenizer;
  readonly reference: Reference;
  readonly shortTextReference: BatchEncoder;
}

async function gpt2WithReference(): Promise<Compared> {
  const directory = await Deno.makeTempDir();
  try {
    const tokenizer = await loadTokenizer("gpt2");
    await tokenizer.save(directory);
    const shortTextReference = shortTextReferenceOf(directory);
    return { tokenizer, reference: await referenceOf(directory), shortTextReference };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const { tokenizer, reference, shortTextReference } = await gpt2WithReference();

Deno.test("gpt2 has GPT-2's ids for known texts", () => {
  const ids = (text: string) => Array.from(tokenizer.encode(utf8.encode(text)));
  assert.equal(tokenizer.vocabSize, 50257);
  assert.equal(tokenizer.eosId, 50256);
  assert.deepEqual(ids("Hello world"), [15496, 995]);
  assert.deepEqual(ids(" indivisible values"), [773, 452, 12843, 3815]);
  assert.deepEqual(ids("<|endoftext|>"), [27, 91, 437, 1659, 5239, 91, 29]);
  assert.deepEqual(ids(""), []);
});

Deno.test("real code has the reference's ids", async () => {
  await assertSameIds(tokenizer, reference, await projectTexts());
});

Deno.test("code points of every kind have the reference's ids alone and between letters, digits and signs", async () => {
  await assertSameIds(tokenizer, shortTextReference, codePointTexts());
});

// The rest, `deno task bench:tokenizer --check_only` compares: 700,000 that no character will ever have.
Deno.test("code points alone have the reference's ids: all up to U+3FFFF, every 16th beyond", async () => {
  const some = codePoints().filter((text, i) => i % 16 === 0 || Number(text.codePointAt(0)) < 0x40000);
  for (let from = 0; from < some.length; from += 10_000) {
    await assertSameIds(tokenizer, shortTextReference, some.slice(from, from + 10_000));
  }
});

Deno.test("thousands of hostile strings have the reference's ids", async () => {
  await assertSameIds(tokenizer, reference, hostileStrings(40_000));
});

Deno.test("long pieces have the reference's ids on both sides of every internal limit", async () => {
  const lengths = [8, 9, 127, 128, 129, 255, 256, 257, 258, 1000, 3000];
  const texts = lengths.flatMap((length) => longPieces(length).map(([, text]) => text));
  await assertSameIds(tokenizer, reference, texts);
});

Deno.test("a piece of a megabyte takes time in proportion to its length", () => {
  const time = (text: Uint8Array) => {
    const start = performance.now();
    assert.ok(sameBytes(tokenizer.decode(tokenizer.encode(text)), text));
    return performance.now() - start;
  };
  const short = longPieces(1 << 16);
  for (const [i, [name, text]] of longPieces(1 << 20).entries()) {
    const long = time(utf8.encode(text));
    const reference = time(utf8.encode(short[i][1]));
    // Quadratic merging would take 256 times as long.
    assert.ok(long < 64 * Math.max(reference, 4), `${name}: ${long} ms for 1 MB, ${reference} ms for 64 KB`);
  }
});

Deno.test("ids stay the same when the cache overflows", () => {
  // 200,000 different pieces of all lengths: the cache is emptied several times.
  const pieces = Array.from(
    { length: 200_000 },
    (_, i) => " " + "abcdefgh".repeat(i % 5) + i.toString(36).replace(/\d/g, "q"),
  );
  const once = tokenizer.encode(utf8.encode(pieces.join("")));
  const again = tokenizer.encode(utf8.encode(pieces.join("")));
  assert.deepEqual(again, once);
  assert.equal(new TextDecoder().decode(tokenizer.decode(once)), pieces.join(""));
});

Deno.test("any bytes at all decode to themselves, well-formed UTF-8 or not", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 64 }),
      (bytes) => sameBytes(tokenizer.decode(tokenizer.encode(bytes)), bytes),
    ),
    { numRuns: 2000, seed: 3 },
  );
});

Deno.test("a view into a larger or shared buffer encodes like its own copy", () => {
  const text = utf8.encode("xx def f(x): return x yy");
  assert.deepEqual(tokenizer.encode(text.subarray(3, 21)), tokenizer.encode(text.slice(3, 21)));
  const shared = new Uint8Array(new SharedArrayBuffer(text.length));
  shared.set(text);
  assert.deepEqual(tokenizer.encode(shared), tokenizer.encode(text));
});

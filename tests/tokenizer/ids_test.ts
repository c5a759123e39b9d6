import fc from "fast-check";
import type { Tokenizer as Reference } from "tokenizers";
import { loadTokenizer } from "../../src/tokenizer/load.ts";
import type { Tokenizer } from "../../src/tokenizer/tokenizer.ts";
import { assert } from "../assert.ts";
import { assertSameIds, projectTexts, referenceOf, sameBytes } from "./oracle.ts";

const utf8 = new TextEncoder();

async function gpt2WithReference(): Promise<{ tokenizer: Tokenizer; reference: Reference }> {
  const directory = await Deno.makeTempDir();
  try {
    const tokenizer = await loadTokenizer("gpt2");
    await tokenizer.save(directory);
    return { tokenizer, reference: await referenceOf(directory) };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const { tokenizer, reference } = await gpt2WithReference();

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

/** Characters of large blocks that are all alike, and code points that stand for nothing: every 16th is tested. */
const ALIKE = /^[\p{Script=Han}\p{Script=Hangul}\p{Script=Tangut}\p{Co}\p{Cn}]$/u;

Deno.test("code points of every kind have the reference's ids alone and between letters, digits and signs", async () => {
  const texts: string[] = [];
  const alike = (codePoint: number) => ALIKE.test(String.fromCodePoint(codePoint));
  let block = "";
  for (let codePoint = 0; codePoint < 0x110000; codePoint++) {
    if (codePoint >= 0xd800 && codePoint < 0xe000) continue;
    const atEdge = codePoint === 0x10ffff || !alike(codePoint) || !alike(codePoint + 1) || !alike(codePoint - 1);
    const every = codePoint < 0x40000 ? 16 : 1024;
    if (atEdge || codePoint % every === 0) {
      const character = String.fromCodePoint(codePoint);
      block += `x${character}1${character}!${character}`;
      if (codePoint < 0x3100) texts.push(character, ` ${character} `, `${character}\n'${character}`);
    }
    if (block.length > 8192) {
      texts.push(block);
      block = "";
    }
  }
  await assertSameIds(tokenizer, reference, [...texts, block]);
});

const NASTY = [
  "\0",
  "\0\0",
  "\0\0\0\0",
  " ",
  "  ",
  "\t",
  "\n",
  "\r\n",
  "\v",
  "\f",
  "\u0085",
  "\u00a0",
  "\u1680",
  "\u180e",
  "\u2003",
  "\u2028",
  "\u3000",
  "\ufeff",
  "\u200b",
  "'",
  "'s",
  "'S",
  "'t",
  "'re",
  "'ve",
  "'m",
  "'ll",
  "'l",
  "'r",
  "'d",
  "\n's",
  "\u2019s",
  "a",
  "Z",
  "é",
  "e\u0301",
  "\u0301",
  "ß",
  "Ж",
  "漢字",
  "한",
  "ا",
  "ـ",
  "ไ",
  "0",
  "12",
  "½",
  "²",
  "Ⅷ",
  "٣",
  "१",
  "😀",
  "👩‍👩‍👧",
  "🇪🇺",
  "\ufe0f",
  "_",
  "-",
  "=",
  "==",
  "/*",
  "//",
  "<|endoftext|>",
  "<|",
  "|>",
  "constructor",
  "__proto__",
  "hasOwnProperty",
  "toString",
  "if",
  "return",
  "self",
  "0x",
  "1e-5",
  "#version",
  "\u{10ffff}",
  "\u{e000}",
  "\ufffd",
  "\x7f",
];

Deno.test("thousands of hostile strings have the reference's ids", async () => {
  const text = fc.array(fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...NASTY) }, fc.string({ unit: "binary" })), {
    maxLength: 24,
  }).map((parts) => parts.join("").toWellFormed());
  await assertSameIds(tokenizer, reference, fc.sample(text, { numRuns: 8000, seed: 7 }));
});

/** Long single pieces in which merging is at its worst. */
function longPieces(length: number): [string, string][] {
  let state = 12345;
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
  const made = (character: () => string) => Array.from({ length }, character).join("");
  const punctuation = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~';
  return [
    ["one letter", "a".repeat(length)],
    ["spaces", " ".repeat(length)],
    ["NUL bytes", "\0".repeat(length)],
    ["equals signs", "=".repeat(length)],
    ["random letters", made(() => String.fromCharCode(97 + random(26)))],
    ["digits", made(() => String.fromCharCode(48 + random(10)))],
    ["CJK", made(() => String.fromCharCode(0x4e00 + random(2000)))],
    ["punctuation", made(() => punctuation[random(punctuation.length)])],
  ];
}

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

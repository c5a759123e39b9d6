import { createByteLevelTokenizer } from "../../src/tokenizer/byte_level.ts";
import { gpt2Vocabulary } from "../../src/tokenizer/gpt2.ts";
import { loadTokenizer } from "../../src/tokenizer/load.ts";
import { PATTERN_NAMES, type PatternName } from "../../src/tokenizer/patterns.ts";
import { createSplitter } from "../../src/tokenizer/split.ts";
import { assert } from "../assert.ts";
import { codePointTexts, hostileStrings, LATER_NUMBERS } from "./hostile.ts";
import {
  assertSameIds,
  classVocabulary,
  projectTexts,
  referenceOf,
  shortTextReferenceOf,
  trainedVocabulary,
} from "./oracle.ts";

const utf8 = new TextEncoder();

function pieces(pattern: PatternName, text: string): string[] {
  const bytes = utf8.encode(text);
  const pieceEnd = createSplitter(pattern);
  const found: string[] = [];
  for (let start = 0, stop = 0; start < bytes.length; start = stop) {
    stop = pieceEnd(bytes, start, bytes.length);
    found.push(new TextDecoder().decode(bytes.subarray(start, stop)));
  }
  return found;
}

Deno.test("gpt2 gives words their space and keeps numbers whole", () => {
  assert.deepEqual(pieces("gpt2", "  x1 = it's 10\n"), [" ", " x", "1", " =", " it", "'s", " 10", "\n"]);
});

Deno.test("digits makes every number character a piece and leaves spaces before it alone", () => {
  assert.deepEqual(pieces("digits", "  x12 = it's  10"), [" ", " x", "1", "2", " =", " it", "'s", "  ", "1", "0"]);
  assert.deepEqual(pieces("digits", "x\n 1½"), ["x", "\n ", "1", "½"]);
});

Deno.test("code keeps indentation and line ends by themselves and gives words one sign", () => {
  assert.deepEqual(pieces("code", "if (x):\n    self.max_len += 10\n"), [
    ...["if", " (", "x", "):", "\n", "    ", "self", ".max", "_len", " +=", " ", "1", "0", "\n"],
  ]);
  assert.deepEqual(pieces("code", '\r\n\n\t\tf("a") x  \n y'), [
    ...["\r\n\n", "\t\t", "f", '("', "a", '")', " x", "  ", "\n", " y"],
  ]);
});

/** Where what is saved and loaded again stands beside the reference that read the same file. */
async function inDirectory(use: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await use(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const code = await projectTexts();
const learned = await trainedVocabulary(code);

for (const pattern of PATTERN_NAMES) {
  Deno.test(`a learned vocabulary with the pattern ${pattern} has the reference's ids`, async () => {
    await inDirectory(async (directory) => {
      await (await createByteLevelTokenizer({ ...learned, pattern }, "learned")).save(directory);
      const tokenizer = await loadTokenizer(directory);
      const reference = await referenceOf(directory);
      await assertSameIds(tokenizer, reference, hostileStrings(pattern === "gpt2" ? 40_000 : 5_000));
      await assertSameIds(tokenizer, reference, pattern === "gpt2" ? code : code.slice(0, 80));
    });
  });

  Deno.test(`a saved tokenizer with the pattern ${pattern} has the reference's ids`, async () => {
    await inDirectory(async (directory) => {
      await (await createByteLevelTokenizer({ ...gpt2Vocabulary(), pattern }, "made")).save(directory);
      const tokenizer = await loadTokenizer(directory);
      const reference = await referenceOf(directory);
      await assertSameIds(tokenizer, reference, hostileStrings(4000));
      await assertSameIds(tokenizer, reference, code.slice(0, 60));
      if (pattern !== "gpt2") await assertSameIds(tokenizer, shortTextReferenceOf(directory), codePointTexts());
    });
  });

  Deno.test(`the pattern ${pattern} has the reference's classes of characters`, async () => {
    await inDirectory(async (directory) => {
      const tokenizer = await createByteLevelTokenizer({ ...classVocabulary(), pattern }, "made");
      await tokenizer.save(directory);
      const texts = codePointTexts();
      const compared = pattern === "digits" ? texts.filter((text) => !LATER_NUMBERS.test(text)) : texts;
      assert.ok(compared.length > texts.length - 4);
      await assertSameIds(tokenizer, shortTextReferenceOf(directory), compared);
    });
  });

  Deno.test(`the pattern ${pattern} stays with vocab.json and merges.txt`, async () => {
    await inDirectory(async (directory) => {
      const made = await createByteLevelTokenizer({ ...gpt2Vocabulary(), pattern }, "made");
      await made.save(directory);
      await Deno.remove(`${directory}/tokenizer.json`);
      const tokenizer = await loadTokenizer(directory);
      assert.equal(tokenizer.fingerprint, made.fingerprint);
      const text = utf8.encode("    x.y = 1234\n");
      assert.deepEqual(tokenizer.encode(text), made.encode(text));
    });
  });
}

Deno.test("tokenizers that cut differently have different fingerprints", async () => {
  const made = PATTERN_NAMES.map((pattern) => createByteLevelTokenizer({ ...gpt2Vocabulary(), pattern }, "made"));
  const fingerprints = new Set((await Promise.all(made)).map(({ fingerprint }) => fingerprint));
  assert.equal(fingerprints.size, PATTERN_NAMES.length);
  assert.ok(fingerprints.has((await loadTokenizer("gpt2")).fingerprint));
});

Deno.test("other patterns are refused by what they have", async () => {
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, use_regex: true };
  const others: [string, unknown][] = [
    ["Digits without individual_digits", sequence({ type: "Digits", individual_digits: false }, byteLevel)],
    ['the pre_tokenizer "Whitespace" in a Sequence', sequence({ type: "Whitespace" }, byteLevel)],
    ['the pre_tokenizer "Metaspace"', { type: "Metaspace" }],
    ["add_prefix_space", sequence({ type: "Digits", individual_digits: true }, { type: "ByteLevel" })],
    [
      "the split pattern",
      sequence({ type: "Split", pattern: { Regex: "\\p{L}+" }, behavior: "Isolated", invert: false }, {
        ...byteLevel,
        use_regex: false,
      }),
    ],
    ["a Sequence of no pre_tokenizers", sequence()],
  ];
  await inDirectory(async (directory) => {
    await (await loadTokenizer("gpt2")).save(directory);
    const file = `${directory}/tokenizer.json`;
    const json = JSON.parse(await Deno.readTextFile(file));
    for (const [what, preTokenizer] of others) {
      await Deno.writeTextFile(file, JSON.stringify({ ...json, pre_tokenizer: preTokenizer }));
      await assert.rejects(loadTokenizer(file), (error: Error) => error.message.includes(`tokenizer.json: ${what}`));
    }
  });
});

function sequence(...pretokenizers: unknown[]): unknown {
  return { type: "Sequence", pretokenizers };
}

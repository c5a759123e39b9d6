import { Tokenizer as Reference } from "./hugging_face.ts";
import { createByteLevelTokenizer } from "../../src/tokenizer/byte_level.ts";
import { gpt2Vocabulary } from "../../src/tokenizer/gpt2.ts";
import { loadTokenizer } from "../../src/tokenizer/load.ts";
import type { Tokenizer } from "../../src/tokenizer/tokenizer.ts";
import { assert, assertFails } from "../assert.ts";
import { createRandom } from "./hostile.ts";

const utf8 = new TextEncoder();

/** GPT-2's vocabulary with more special tokens, some of which begin like others or hold others. */
async function withSpecialTokens(use: (tokenizer: Tokenizer, directory: string) => Promise<void>): Promise<void> {
  const { tokens, special, ...rest } = gpt2Vocabulary();
  const more = ["<|fim|>", "<|fim|><|end|>", "漢", "漢é", "<|", "  \n"].map((text) => utf8.encode(text));
  const vocabulary = {
    ...rest,
    tokens: [...tokens, ...more],
    special: new Set([...special, ...more.map((_, i) => tokens.length + i)]),
  };
  const directory = await Deno.makeTempDir();
  try {
    await (await createByteLevelTokenizer(vocabulary, "made")).save(directory);
    await use(await loadTokenizer(directory), directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("special tokens in text are text unless asked for", async () => {
  const tokenizer = await loadTokenizer("gpt2");
  const text = utf8.encode("a<|endoftext|> b");
  assert.deepEqual([...tokenizer.encode(text)], [64, 27, 91, 437, 1659, 5239, 91, 29, 275]);
  assert.deepEqual([...tokenizer.encode(text, { parseSpecial: false })], [...tokenizer.encode(text)]);
  assert.deepEqual([...tokenizer.encode(text, { parseSpecial: true })], [64, 50256, 275]);
  assert.deepEqual([...tokenizer.encode(new Uint8Array(0), { parseSpecial: true })], []);
});

Deno.test("special tokens are found where the reference finds them: the leftmost, then the longest", async () => {
  await withSpecialTokens(async (tokenizer, directory) => {
    const reference = Reference.fromString(await Deno.readTextFile(`${directory}/tokenizer.json`));
    const parts = [
      "<|endoftext|>",
      "<|fim|>",
      "<|end|>",
      "<|fim",
      "<",
      "|>",
      "é",
      "漢",
      " ",
      "\n",
      "  ",
      "x",
      "'s",
      "12",
    ];
    const random = createRandom(21);
    const texts = Array.from(
      { length: 3000 },
      () => Array.from({ length: random(14) }, () => parts[random(parts.length)]).join(""),
    );
    const encodings = await reference.encodeBatch(texts, { addSpecialTokens: false });
    for (const [i, text] of texts.entries()) {
      const ids = tokenizer.encode(utf8.encode(text), { parseSpecial: true });
      assert.deepEqual([...ids], [...encodings[i].getIds()], JSON.stringify(text));
      assert.equal(new TextDecoder().decode(tokenizer.decode(ids)), text);
    }
  });
});

Deno.test("special tokens that take white space beside them are refused when asked for, and only then", async () => {
  await withSpecialTokens(async (_, directory) => {
    const file = `${directory}/tokenizer.json`;
    const json = JSON.parse(await Deno.readTextFile(file));
    json.added_tokens[0].lstrip = true;
    await Deno.writeTextFile(file, JSON.stringify(json));
    const tokenizer = await loadTokenizer(directory);
    assert.ok(tokenizer.encode(utf8.encode("a <|endoftext|>")).length > 2);
    await assertFails(() => tokenizer.encode(utf8.encode("a"), { parseSpecial: true }), "white space");
  });
});

/** Vocabularies trained here, read by Hugging Face's two libraries, and theirs read here: the same ids on real code. */

import { Tokenizer as ScriptTokenizer } from "@huggingface/tokenizers";
import { Tokenizer as RustTokenizer } from "./hugging_face.ts";
import { FormatError } from "../../src/errors.ts";
import { loadTokenizer } from "../../src/tokenizer/load.ts";
import { PATTERN_NAMES } from "../../src/tokenizer/patterns.ts";
import { trainBpe } from "../../src/tokenizer/train.ts";
import { assert } from "../assert.ts";
import { hostileStrings } from "./hostile.ts";
import { assertSameIds, projectTexts } from "./oracle.ts";

const utf8 = new TextEncoder();
const EXTRA = ["<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"];

async function* documents(texts: readonly string[]): AsyncIterable<{ text: Uint8Array }> {
  for (const text of texts) yield { text: utf8.encode(text) };
}

/** Code in which no special token is spelled, and none of the characters that JavaScript's `\s` takes for white space and
 * Unicode does not, or the other way round. */
async function realCode(): Promise<string[]> {
  const texts = (await projectTexts()).filter((text) => !/<\||[\u0085\u180e\ufeff]/.test(text)).slice(0, 60);
  assert.ok(texts.length >= 40);
  return texts;
}

for (const pattern of PATTERN_NAMES) {
  Deno.test(`a trained vocabulary with the pattern ${pattern} gives equal ids in npm's tokenizers and @huggingface/tokenizers`, async () => {
    const directory = await Deno.makeTempDir();
    try {
      const texts = await realCode();
      const { tokenizer } = await trainBpe(documents(texts), { vocabSize: 1500, pattern, specialTokens: EXTRA });
      await tokenizer.save(directory);
      const file = `${directory}/tokenizer.json`;
      const json = JSON.parse(await Deno.readTextFile(file));
      const config = JSON.parse(await Deno.readTextFile(`${directory}/tokenizer_config.json`));
      const rust = RustTokenizer.fromFile(file);
      const script = new ScriptTokenizer(json, config);
      for (const text of texts) {
        const ids = [...tokenizer.encode(utf8.encode(text))];
        assert.deepEqual((await rust.encode(text, null, { addSpecialTokens: false })).getIds(), ids);
        assert.deepEqual(script.encode(text, { add_special_tokens: false }).ids, ids);
        assert.equal(script.decode(ids, { skip_special_tokens: false, clean_up_tokenization_spaces: false }), text);
      }

      const prompt = "<|fim_suffix|>def f():<|endoftext|>";
      const expected = [1499, ...tokenizer.encode(utf8.encode("def f():")), 1496];
      assert.deepEqual((await rust.encode(prompt, null, { addSpecialTokens: false })).getIds(), expected);
      assert.deepEqual(script.encode(prompt, { add_special_tokens: false }).ids, expected);

      // The same file as Hugging Face's library writes it, with its own spelling of merges.
      await Deno.mkdir(`${directory}/theirs`);
      rust.save(`${directory}/theirs/tokenizer.json`);
      assert.equal((await loadTokenizer(`${directory}/theirs`)).fingerprint, tokenizer.fingerprint);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });
}

const trainedThere = (name: string) => new URL(`../golden/hugging_face/${name}.json`, import.meta.url).pathname;

for (const name of ["byte_level", "digits"]) {
  Deno.test(`${name}.json, which Hugging Face's library trained and saved, gives equal ids here, saved again too`, async () => {
    const directory = await Deno.makeTempDir();
    try {
      const file = trainedThere(name);
      const tokenizer = await loadTokenizer(file);
      assert.deepEqual([tokenizer.vocabSize, tokenizer.eosId], [500, 0]);
      const reference = RustTokenizer.fromFile(file);
      const texts = [...await realCode(), ...hostileStrings(4000).filter((text) => !text.includes("<|endoftext|>"))];
      await assertSameIds(tokenizer, reference, texts);
      await tokenizer.save(directory);
      assert.equal((await loadTokenizer(directory)).fingerprint, tokenizer.fingerprint);
      await assertSameIds(tokenizer, RustTokenizer.fromFile(`${directory}/tokenizer.json`), texts);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });
}

Deno.test("a vocabulary that Hugging Face's library trained without an initial alphabet is refused, where theirs loses text", async () => {
  const snowman = "a \u2603 b";
  for (const [name, unknown] of [["without_alphabet", 0], ["without_alphabet_unk", 2]] as const) {
    const file = trainedThere(name);
    const reference = RustTokenizer.fromFile(file);
    const ids = (await reference.encode(snowman, null, { addSpecialTokens: false })).getIds();
    // The snowman's three bytes: the first has a token, of the others nothing is left.
    assert.equal(ids.length, 4 + unknown);
    await assert.rejects(loadTokenizer(file), (error: Error) => {
      assert.ok(error instanceof FormatError);
      assert.ok(
        error.message.startsWith(`${file}: the vocabulary has no token for 155 of the 256 bytes`),
        error.message,
      );
      assert.match(error.message, /\nHINT: .*initial_alphabet=ByteLevel\.alphabet\(\)/);
      return true;
    });
  }
});

Deno.test("special tokens are saved as Hugging Face saves them, and load from every file", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const training = await trainBpe(documents(await realCode()), {
      vocabSize: 600,
      specialTokens: [...EXTRA, "<|endoftext|>"],
    });
    assert.deepEqual(training.specialTokens, [...EXTRA, "<|endoftext|>"]);
    const { tokenizer } = training;
    assert.equal(tokenizer.eosId, 599);
    await tokenizer.save(directory);
    const read = async (name: string) => JSON.parse(await Deno.readTextFile(`${directory}/${name}`));
    const eos = { bos_token: "<|endoftext|>", eos_token: "<|endoftext|>", unk_token: "<|endoftext|>" };
    assert.deepEqual(await read("special_tokens_map.json"), { ...eos, additional_special_tokens: EXTRA });
    const config = await read("tokenizer_config.json");
    assert.deepEqual(config.additional_special_tokens, EXTRA);
    const added = (await read("tokenizer.json")).added_tokens;
    assert.deepEqual(added.map(({ id, content }: { id: number; content: string }) => [id, content]), [
      ...EXTRA.map((text, i) => [596 + i, text]),
      [599, "<|endoftext|>"],
    ]);
    for (const { id, ...token } of added) assert.deepEqual(config.added_tokens_decoder[id], token);
    for (const path of ["", "/tokenizer.json", "/vocab.json"]) {
      const loaded = await loadTokenizer(directory + path);
      assert.equal(loaded.fingerprint, tokenizer.fingerprint);
      assert.equal(loaded.byteLength(597), 0, "a special token is no text");
      assert.equal(new TextDecoder().decode(loaded.decode([597])), "<|fim_middle|>");
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

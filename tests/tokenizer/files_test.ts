import { Tokenizer as Reference } from "./hugging_face.ts";
import { loadTokenizer, loadVocabMerges } from "../../src/tokenizer/load.ts";
import { createStreamDecoder } from "../../src/tokenizer/stream_decoder.ts";
import { assert, assertFails } from "../assert.ts";

const utf8 = new TextEncoder();
const encode = (text: string) => utf8.encode(text);
const gpt2 = await loadTokenizer("gpt2");

/** Runs `action` in a directory with these files. */
async function withFiles(files: Record<string, string>, action: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    for (const [name, content] of Object.entries(files)) await Deno.writeTextFile(`${directory}/${name}`, content);
    await action(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** The files of a saved `gpt2`, read once. */
const saved: Record<string, string> = {};
await withFiles({}, async (directory) => {
  await gpt2.save(directory, { modelMaxLength: 2048 });
  for await (const { name } of Deno.readDir(directory)) saved[name] = await Deno.readTextFile(`${directory}/${name}`);
});

/** A small tokenizer.json, changed by `change`. */
function smallTokenizerJson(change: (json: Record<string, unknown>, model: Record<string, unknown>) => void): string {
  const vocab: Record<string, number> = {};
  const alphabet = Object.entries(JSON.parse(saved["vocab.json"])).filter(([, id]) => Number(id) < 256);
  for (const [text, id] of alphabet) vocab[text] = Number(id);
  Object.assign(vocab, { ab: 256, abc: 257, bc: 258 });
  const model = { type: "BPE", vocab, merges: ["a b", ["ab", "c"], "b c", ["a", "bc"]] };
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
  const eos = {
    id: 259,
    content: "<|endoftext|>",
    special: true,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
  };
  const json = {
    version: "1.0",
    added_tokens: [eos],
    normalizer: null,
    pre_tokenizer: byteLevel,
    decoder: byteLevel,
    model,
  };
  change(json, model);
  return JSON.stringify(json);
}

Deno.test("save writes its files and nothing else, and loading them gives the same tokenizer", async () => {
  assert.deepEqual(
    Object.keys(saved).sort(),
    ["merges.txt", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json", "vocab.json"],
  );
  const config = JSON.parse(saved["tokenizer_config.json"]);
  assert.equal(config.tokenizer_class, "GPT2TokenizerFast");
  assert.equal(config.eos_token, "<|endoftext|>");
  assert.equal(config.model_max_length, 2048);
  await withFiles(saved, async (directory) => {
    for (const path of ["", "/", "/tokenizer.json", "/vocab.json", "/merges.txt"]) {
      const loaded = await loadTokenizer(directory + path);
      assert.equal(loaded.fingerprint, gpt2.fingerprint);
      assert.equal(loaded.eosId, 50256);
    }
  });
});

Deno.test("vocab.json and merges.txt load under any names", async () => {
  await withFiles({ "a.vocab": saved["vocab.json"], "b.bpe": saved["merges.txt"] }, async (directory) => {
    const loaded = await loadVocabMerges(`${directory}/a.vocab`, `${directory}/b.bpe`);
    assert.equal(loaded.fingerprint, gpt2.fingerprint);
  });
});

Deno.test("a merges file without a header keeps its first merge, the run of spaces of code", async () => {
  // Of a vocabulary trained on code, `Ġ Ġ` is the first merge. Taken for a header, every indentation fell to single spaces.
  const vocab = { ...JSON.parse(smallTokenizerJson(() => {})).model.vocab, "ĠĠ": 259, "ĠĠĠĠ": 260 };
  const merges = "Ġ Ġ\nĠĠ ĠĠ\n";
  const text = encode("    a\n    b");
  for (const content of [merges, `#version: 0.2\n${merges}`, merges.replaceAll("\n", "\r\n"), merges.trimEnd()]) {
    await withFiles({ "vocab.json": JSON.stringify(vocab), "merges.txt": content }, async (directory) => {
      const tokenizer = await loadTokenizer(directory);
      const [space, two, newline] = [vocab["Ġ"], 259, vocab["Ċ"]];
      const expected = [two, space, space, vocab.a, newline, two, space, space, vocab.b];
      assert.deepEqual([...tokenizer.encode(text)], expected);
    });
  }
});

Deno.test("tokenizer.json is read with merges as strings and as pairs, two of them spelling one token", async () => {
  await withFiles({ "tokenizer.json": smallTokenizerJson(() => {}) }, async (directory) => {
    const tokenizer = await loadTokenizer(directory);
    assert.deepEqual([...tokenizer.encode(encode("abcbc"))], [257, 258]);
    assert.equal(tokenizer.eosId, 259);
    await tokenizer.save(`${directory}/again`);
    assert.equal((await loadTokenizer(`${directory}/again`)).fingerprint, tokenizer.fingerprint);
    const reference = Reference.fromFile(`${directory}/again/tokenizer.json`);
    assert.deepEqual((await reference.encode("abcbc<|endoftext|>")).getIds(), [257, 258, 259]);
  });
});

Deno.test("the golden byte vocabulary loads in its own order", async () => {
  const directory = new URL("../golden/bytes", import.meta.url).pathname;
  const tokenizer = await loadTokenizer(directory);
  assert.equal(tokenizer.vocabSize, 257);
  assert.equal(tokenizer.eosId, 256);
  assert.deepEqual([...tokenizer.encode(encode("Hi\n\xff"))], [72, 105, 10, 0xc3, 0xbf]);
  assert.deepEqual(tokenizer.decode([72, 105, 10]), encode("Hi\n"));
});

Deno.test("a tokenizer of another kind is refused by name, never encoded wrongly", async () => {
  const cases: [string, string][] = [
    [smallTokenizerJson((_, model) => model.type = "Unigram"), "Unigram"],
    [smallTokenizerJson((_, model) => model.type = "WordPiece"), "WordPiece"],
    [smallTokenizerJson((_, model) => model.ignore_merges = true), "ignore_merges"],
    [smallTokenizerJson((_, model) => model.continuing_subword_prefix = "##"), "continuing_subword_prefix"],
    [smallTokenizerJson((_, model) => model.end_of_word_suffix = "</w>"), "end_of_word_suffix"],
    [smallTokenizerJson((_, model) => model.dropout = 0.1), "dropout"],
    [smallTokenizerJson((json) => json.normalizer = { type: "NFC" }), "NFC"],
    [smallTokenizerJson((json) => json.pre_tokenizer = { type: "Metaspace" }), "Metaspace"],
    [smallTokenizerJson((json) => json.pre_tokenizer = null), "pre_tokenizer"],
    [
      smallTokenizerJson((json) => json.pre_tokenizer = { type: "ByteLevel", add_prefix_space: true }),
      "add_prefix_space",
    ],
    [smallTokenizerJson((json) => json.pre_tokenizer = { type: "ByteLevel" }), "add_prefix_space"],
    [
      smallTokenizerJson((json) =>
        json.pre_tokenizer = { type: "ByteLevel", add_prefix_space: false, use_regex: false }
      ),
      "pattern",
    ],
    [smallTokenizerJson((json) => json.decoder = { type: "WordPiece" }), "decoder"],
    [smallTokenizerJson((json) => json.post_processor = { type: "TemplateProcessing" }), "TemplateProcessing"],
    [smallTokenizerJson((json) => json.added_tokens = [{ id: 260, content: "    ", special: false }]), "ordinary text"],
  ];
  for (const [content, name] of cases) {
    await withFiles({ "tokenizer.json": content }, async (directory) => {
      await assertFails(() => loadTokenizer(directory), "tokenizer.json", name);
    });
  }
});

Deno.test("damaged tokenizer files are errors that name the file and the place", async () => {
  const json = (
    change: (json: Record<string, unknown>, model: Record<string, unknown>) => void,
    ...parts: string[]
  ) => ({
    content: smallTokenizerJson(change),
    parts,
  });
  const cases = [
    { content: "{", parts: ["not well-formed JSON"] },
    { content: "[]", parts: ["not a JSON object"] },
    { content: "{}", parts: ["no model"] },
    json((_, model) => model.vocab = [], "not a JSON object of tokens"),
    json((_, model) => model.vocab = {}, "merge 0"),
    json((_, model) => model.vocab = { a: 0, b: 1 }, "merge 0"),
    json((_, model) => Object.assign(model, { vocab: { a: 0, b: 1 }, merges: [] }), "254 of the 256 bytes"),
    json((_, model) => Object.assign(model.vocab ?? {}, { zz: 256 }), "id 256", "zz"),
    json((_, model) => Object.assign(model.vocab ?? {}, { zz: -1 }), "zz", "-1"),
    json((_, model) => Object.assign(model.vocab ?? {}, { zz: 1e12 }), "zz"),
    json((_, model) => Object.assign(model.vocab ?? {}, { zz: "7" }), "zz"),
    json((_, model) => model.merges = ["a b c"], "merge 0"),
    json((_, model) => model.merges = [["a"]], "merge 0"),
    json((_, model) => model.merges = "a b", "not a list"),
    json((_, model) => model.merges = ["a b", "a b"], "merge 1", "twice"),
    json((_, model) => model.merges = ["a z"], "merge 0", "az"),
    json((json) => json.added_tokens = [{ id: 300 }], "added token"),
    json((json) => json.added_tokens = [{ id: 300, content: "ab", special: true }], "two ids"),
  ];
  for (const { content, parts } of cases) {
    await withFiles({ "tokenizer.json": content }, async (directory) => {
      await assertFails(() => loadTokenizer(directory), "tokenizer.json", ...parts);
    });
  }
  await withFiles(
    { "vocab.json": saved["vocab.json"], "merges.txt": "#version: 0.2\nĠ t\nbroken\n" },
    async (directory) => {
      await assertFails(() => loadTokenizer(directory), "merges.txt, line 3", "broken");
    },
  );
  await withFiles({ "vocab.json": saved["vocab.json"] }, async (directory) => {
    await assertFails(() => loadTokenizer(directory), "merges.txt");
  });
});

Deno.test("what is no tokenizer at all is refused", async () => {
  await assertFails(() => loadTokenizer("/no/such/tokenizer"), "no such tokenizer", "gpt2");
  await withFiles({ "notes.txt": "" }, async (directory) => {
    await assertFails(() => loadTokenizer(directory), "no tokenizer");
    await assertFails(() => loadTokenizer(`${directory}/notes.txt`), "not a tokenizer file");
  });
});

Deno.test("the end-of-text token is the one that tokenizer_config.json names", async () => {
  const added = (content: string, id: number) => ({ id, content, special: true });
  const files = (eos: unknown) => ({
    "tokenizer.json": smallTokenizerJson((json) =>
      json.added_tokens = [added("<|endoftext|>", 259), added("</s>", 260)]
    ),
    "tokenizer_config.json": JSON.stringify({ eos_token: eos }),
  });
  for (
    const [eos, id] of [["</s>", 260], [{ content: "</s>" }, 260], [undefined, 259], ["<|endoftext|>", 259]] as const
  ) {
    await withFiles(files(eos), async (directory) => {
      assert.equal((await loadTokenizer(directory)).eosId, id);
    });
  }
});

Deno.test("tokens named like an object's own properties are ordinary tokens", async () => {
  const parts = ["__proto__", "constructor", "toString", "1", "0"];
  await withFiles({}, async (directory) => {
    const { trainBpe } = await import("../../src/tokenizer/train.ts");
    async function* documents() {
      for (const part of parts) yield { text: encode(part + "\n") };
      for (const part of parts) yield { text: encode(part) };
    }
    const { tokenizer } = await trainBpe(documents(), { vocabSize: 300 });
    await tokenizer.save(directory);
    const loaded = await loadTokenizer(directory);
    assert.equal(loaded.fingerprint, tokenizer.fingerprint);
    assert.equal(loaded.encode(encode("constructor")).length, 1);
    await Deno.remove(`${directory}/tokenizer.json`);
    assert.equal((await loadTokenizer(directory)).fingerprint, tokenizer.fingerprint);
  });
});

Deno.test("a failed save says so and leaves no half-written file", async () => {
  await withFiles({ "occupied": "" }, async (directory) => {
    await assertFails(() => gpt2.save(`${directory}/occupied`), "cannot save");
    await Deno.mkdir(`${directory}/out/tokenizer.json`, { recursive: true }); // cannot be renamed over
    await assertFails(() => gpt2.save(`${directory}/out`), "cannot save");
    const names = (await Array.fromAsync(Deno.readDir(`${directory}/out`))).map(({ name }) => name);
    assert.ok(names.every((name) => !name.endsWith(".partial")), names.join());
  });
});

Deno.test("decode() gives special tokens their literal text unless told to skip them", () => {
  const ids = [15496, 50256, 995];
  assert.equal(new TextDecoder().decode(gpt2.decode(ids)), "Hello<|endoftext|> world");
  assert.equal(new TextDecoder().decode(gpt2.decode(ids, { skipSpecial: true })), "Hello world");
  assert.deepEqual(ids.map(gpt2.byteLength), [5, 0, 6]);
});

Deno.test("ids beyond the vocabulary, as a padded model may make, decode to a replacement character", () => {
  assert.equal(new TextDecoder().decode(gpt2.decode([15496, 50257, -1, 995])), "Hello\ufffd\ufffd world");
  assert.equal(gpt2.byteLength(60000), 0);
});

Deno.test("the stream decoder holds characters back until they are whole", () => {
  const text = "\ufeffnaïve 漢字 😀👩‍👧 end";
  const stream = createStreamDecoder(gpt2);
  const parts = [...gpt2.encode(encode(text))].map((id) => stream.push([id]));
  assert.equal(parts.join("") + stream.finish(), text);
  assert.ok(parts.every((part) => !part.includes("\ufffd")));
  assert.ok(parts.includes(""), "some token ends inside a character");
  // An incomplete end shows as U+FFFD, and the decoder starts afresh.
  const first = gpt2.encode(encode("😀"))[0];
  assert.equal(stream.push([first]), "");
  assert.equal(stream.finish(), "\ufffd");
  assert.equal(createStreamDecoder(gpt2, { skipSpecial: true }).push([50256, 995]), " world");
});

Deno.test("a vocabulary reads right after an object that confuses V8's JSON.parse", async () => {
  JSON.parse(String.raw`{"!":0,"\\":1,"#":2}`);
  const ordered = ["!", '"', "#"];
  const rest = Object.keys(JSON.parse(saved["vocab.json"])).filter((token) => !ordered.includes(token));
  const text = `{${[...ordered, ...rest].map((token, id) => `${JSON.stringify(token)}:${id}`).join(",")}}`;
  await withFiles({ "vocab.json": text, "merges.txt": "" }, async (directory) => {
    const tokenizer = await loadTokenizer(directory);
    assert.deepEqual([...tokenizer.encode(encode('!"#'))], [0, 1, 2]);
  });
});

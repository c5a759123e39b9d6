import process from "node:process";
import fc from "fast-check";
import { loadTokenizer } from "../../src/tokenizer/load.ts";
import { createStreamDecoder } from "../../src/tokenizer/stream_decoder.ts";
import { assert, assertFails } from "../assert.ts";
import { float, message, number, string } from "./sentencepiece_files.ts";

const utf8 = new TextEncoder();
const text = (bytes: Uint8Array) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);

const NORMAL = 1, UNKNOWN = 2, CONTROL = 3, BYTE = 6;
const WORDS = ["▁", "▁▁", "▁def", "de", "f", "a", "b", "ab", "(", ")", ":"];

/** A unigram model with all byte pieces and a few words; identity normalization. */
function modelBytes({ dummyPrefix = false } = {}): Uint8Array {
  const piece = (value: string, score: number, type: number) =>
    message(1, [...string(1, value), ...float(2, score), ...number(3, type)]);
  const bytes = Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, "0")}>`);
  return Uint8Array.from([
    ...piece("<unk>", 0, UNKNOWN),
    ...piece("<s>", 0, CONTROL),
    ...piece("</s>", 0, CONTROL),
    ...bytes.flatMap((value) => piece(value, 0, BYTE)),
    ...WORDS.flatMap((value) => piece(value, -1 - 1 / [...value].length, NORMAL)),
    ...message(2, [...number(3, 1), ...number(35, 1), ...number(40, 0), ...number(41, 1), ...number(42, 2)]),
    ...message(3, [...string(1, "identity"), ...number(3, dummyPrefix ? 1 : 0), ...number(4, 0), ...number(5, 1)]),
  ]);
}

async function withModel(bytes: Uint8Array, action: (file: string, directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${directory}/some.model`, bytes);
    await action(`${directory}/some.model`, directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const idOf = (piece: string) => 259 + WORDS.indexOf(piece);

Deno.test("a sentencepiece model encodes with its pieces, and what they lack with bytes", async () => {
  await withModel(modelBytes(), async (file, directory) => {
    const tokenizer = await loadTokenizer(file);
    assert.equal(tokenizer.vocabSize, 259 + WORDS.length);
    assert.equal(tokenizer.eosId, 2);
    assert.deepEqual(
      [...tokenizer.encode(utf8.encode(" def ab()"))],
      [" def", " ", "ab", "(", ")"].map(
        (piece) => idOf(piece.replaceAll(" ", "▁")),
      ),
    );
    assert.deepEqual([...tokenizer.encode(utf8.encode("\n"))], [3 + 10]);
    assert.equal((await loadTokenizer(directory)).fingerprint, tokenizer.fingerprint);
    await tokenizer.save(`${directory}/saved`);
    assert.equal((await loadTokenizer(`${directory}/saved`)).fingerprint, tokenizer.fingerprint);
  });
});

Deno.test("a lossless sentencepiece model gives every text back, whole and streamed", async () => {
  await withModel(modelBytes(), async (file) => {
    const tokenizer = await loadTokenizer(file);
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 20 }), fc.constantFrom("", " def", "  ab", "\0"), (a, b) => {
        const original = (a + b).toWellFormed().replaceAll("\u2581", "");
        const ids = tokenizer.encode(utf8.encode(original));
        assert.equal(text(tokenizer.decode(ids)), original);
        const stream = createStreamDecoder(tokenizer);
        assert.equal([...ids].map((id) => stream.push([id])).join("") + stream.finish(), original);
      }),
      { numRuns: 100, seed: 5 },
    );
  });
});

Deno.test("a dummy prefix is added and taken away, also when the text is streamed", async () => {
  await withModel(modelBytes({ dummyPrefix: true }), async (file) => {
    const tokenizer = await loadTokenizer(file);
    const ids = tokenizer.encode(utf8.encode("def def ab"));
    assert.deepEqual([...ids].slice(0, 2), [idOf("▁def"), idOf("▁def")]);
    assert.equal(text(tokenizer.decode(ids)), "def def ab");
    const stream = createStreamDecoder(tokenizer);
    assert.equal([...ids].map((id) => stream.push([id])).join(""), "def def ab");
  });
});

Deno.test("special pieces of a sentencepiece model are literal text or left out", async () => {
  await withModel(modelBytes(), async (file) => {
    const tokenizer = await loadTokenizer(file);
    assert.equal(text(tokenizer.decode([idOf("ab"), 2])), "ab</s>");
    assert.equal(text(tokenizer.decode([idOf("ab"), 2], { skipSpecial: true })), "ab");
    assert.ok(!tokenizer.encode(utf8.encode("</s>")).includes(2));
    assert.equal(tokenizer.byteLength(2), 0);
    assert.equal(tokenizer.byteLength(idOf("▁def")), 4);
  });
});

Deno.test("damaged sentencepiece models are refused", async () => {
  const good = modelBytes();
  const cases = [new Uint8Array(0), Uint8Array.of(1, 2, 3), utf8.encode("not a model at all"), good.slice(0, 100)];
  for (const bytes of cases) {
    await withModel(bytes, async (file) => await assertFails(() => loadTokenizer(file), "some.model"));
  }
  // Cut off between two pieces: well-formed to a protobuf reader.
  const onePiece = message(1, [...string(1, "a"), ...float(2, 0)]);
  await withModel(Uint8Array.from(onePiece), async (file) => {
    await assertFails(() => loadTokenizer(file), "some.model", "cut off");
  });
  // Whole, but without the unknown piece that sentencepiece asks for.
  const settings = [...message(2, number(3, 1)), ...message(3, string(1, "identity"))];
  await withModel(Uint8Array.from([...onePiece, ...settings]), async (file) => {
    await assertFails(() => loadTokenizer(file), "some.model", "sentencepiece refuses");
  });
});

Deno.test("loading a sentencepiece model leaves no listeners for the process's errors", async () => {
  const listeners = () => process.listenerCount("uncaughtException") + process.listenerCount("unhandledRejection");
  const before = listeners();
  await withModel(modelBytes(), async (file) => {
    await loadTokenizer(file);
    assert.equal(listeners(), before);
  });
});

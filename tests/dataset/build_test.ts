/** From documents to a token file. */
import type { Document } from "../../src/corpus/document.ts";
import { buildTokenFile } from "../../src/dataset/build.ts";
import { openTokenFile } from "../../src/dataset/token_reader.ts";
import { UserError } from "../../src/errors.ts";
import type { Tokenizer } from "../../src/tokenizer/tokenizer.ts";
import { assert, assertFails } from "../assert.ts";
import { inFolder, namesIn } from "./files.ts";

/** One id per byte; 256 ends a document. */
const byteTokenizer: Tokenizer = {
  vocabSize: 257,
  eosId: 256,
  name: "bytes",
  fingerprint: "0",
  seed: null,
  encode: (utf8) => Uint32Array.from(utf8),
  encodeInto(utf8, ids, at = 0) {
    ids.set(utf8, at);
    return utf8.length;
  },
  textRoom: () => null,
  decode: (ids) => Uint8Array.from(ids),
  byteLength: (id) => id === 256 ? 0 : 1,
  save: () => Promise.resolve(),
};

async function* documentsOf(...texts: string[]): AsyncGenerator<Document> {
  for (const text of texts) {
    yield await Promise.resolve({ text: new TextEncoder().encode(text), path: "x.py", language: "python" });
  }
}

async function idsOf(prefix: string): Promise<number[]> {
  using file = await openTokenFile(prefix);
  const ids = new Uint32Array(file.tokens);
  file.read(0, file.tokens, ids);
  return [...ids];
}

Deno.test("every document is followed by end-of-text, and the meta file counts them", () =>
  inFolder(async (folder) => {
    const prefix = `${folder}/x`;
    const progress: number[] = [];
    const meta = await buildTokenFile({
      documents: documentsOf("ab", "é"),
      tokenizer: byteTokenizer,
      prefix,
      onProgress: ({ documents }) => progress.push(documents),
      options: { min_doc_length: 1 },
    });
    assert.deepEqual(await idsOf(prefix), [97, 98, 256, 0xc3, 0xa9, 256]);
    assert.deepEqual(JSON.parse(Deno.readTextFileSync(`${prefix}_meta.json`)), meta);
    assert.deepEqual([meta.documents, meta.tokens, meta.text_bytes, meta.eos_id], [2, 6, 4, 256]);
    assert.deepEqual(meta.options, { min_doc_length: 1 });
    assert.deepEqual(progress, [2]);
  }));

Deno.test("without appendEos documents stand bare, and a tokenizer needs no end-of-text", () =>
  inFolder(async (folder) => {
    const tokenizer = { ...byteTokenizer, eosId: null };
    const build = { documents: documentsOf("ab", "c"), tokenizer, prefix: `${folder}/x` };
    await assertFails(() => buildTokenFile(build), "end-of-text", "--no-append_eos");
    assert.deepEqual(namesIn(folder), []);
    await buildTokenFile({ ...build, appendEos: false });
    assert.deepEqual(await idsOf(`${folder}/x`), [97, 98, 99]);
  }));

Deno.test("the corpus fingerprint tells texts and their borders apart, not their paths", () =>
  inFolder(async (folder) => {
    const fingerprint = async (...texts: string[]) => {
      const build = { documents: documentsOf(...texts), tokenizer: byteTokenizer, prefix: `${folder}/x` };
      return (await buildTokenFile(build)).corpus_fingerprint;
    };
    const first = await fingerprint("ab", "c");
    assert.match(first, /^[0-9a-f]{64}$/);
    assert.equal(await fingerprint("ab", "c"), first);
    assert.notEqual(await fingerprint("a", "bc"), first);
  }));

Deno.test("a stop, a failing source and an empty one leave nothing", () =>
  inFolder(async (folder) => {
    const build = { tokenizer: byteTokenizer, prefix: `${folder}/x` };
    const controller = new AbortController();
    async function* stopping() {
      yield* documentsOf("ab");
      controller.abort(new Error("stopped"));
      yield* documentsOf("cd", "ef");
    }
    await assert.rejects(buildTokenFile({ ...build, documents: stopping(), signal: controller.signal }), /stopped/);
    async function* failing() {
      yield* documentsOf("ab");
      throw new Error("the archive is damaged");
    }
    await assert.rejects(buildTokenFile({ ...build, documents: failing() }), /damaged/);
    await assert.rejects(buildTokenFile({ ...build, documents: documentsOf() }), UserError);
    assert.deepEqual(namesIn(folder), []);
  }));

Deno.test("a long run lets timers act, so that Ctrl-C can stop it", () =>
  inFolder(async (folder) => {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(new Error("stopped by a timer")), 1);
    const [document] = await Array.fromAsync(documentsOf("ab"));
    async function* endless() {
      while (true) yield await Promise.resolve(document);
    }
    const build = { documents: endless(), tokenizer: byteTokenizer, prefix: `${folder}/x`, signal: controller.signal };
    await assert.rejects(buildTokenFile(build), /stopped by a timer/);
    clearTimeout(timer);
  }));

/** Hugging Face's tokenizers as the reference for ids. Only tests use it. */

import { Tokenizer as Reference } from "./hugging_face.ts";
import type { Tokenizer } from "../../src/tokenizer/tokenizer.ts";
import { parseTokenizerJson } from "../../src/tokenizer/tokenizer_json.ts";
import { trainBpe } from "../../src/tokenizer/train.ts";
import { END_OF_TEXT, type Vocabulary } from "../../src/tokenizer/vocabulary.ts";
import { assert } from "../assert.ts";

const utf8 = new TextEncoder();

/** The reference reading a directory that codekiln saved; special tokens in text are ordinary text, as they are here. */
export async function referenceOf(directory: string): Promise<Reference> {
  const json = JSON.parse(await Deno.readTextFile(`${directory}/tokenizer.json`));
  json.added_tokens = [];
  return Reference.fromString(JSON.stringify(json));
}

/** Asserts that every text has the reference's ids and decodes to itself. */
export async function assertSameIds(tokenizer: Tokenizer, reference: Reference, texts: string[]): Promise<void> {
  const encodings = await reference.encodeBatch(texts, { addSpecialTokens: false });
  for (const [i, text] of texts.entries()) {
    const bytes = utf8.encode(text);
    const ids = tokenizer.encode(bytes);
    const expected = encodings[i].getIds();
    if (ids.length !== expected.length || expected.some((id, at) => ids[at] !== id)) {
      const at = expected.findIndex((id, at) => ids[at] !== id);
      const before = new TextDecoder().decode(tokenizer.decode(expected.slice(0, at)));
      assert.fail(
        `other ids than the reference from id ${at}, after ${JSON.stringify(before.slice(-40))}:\n` +
          `${ids.slice(at, at + 8)} instead of ${expected.slice(at, at + 8)} in ${JSON.stringify(text.slice(0, 200))}`,
      );
    }
    assert.ok(
      sameBytes(tokenizer.decode(ids), bytes),
      `does not decode to itself: ${JSON.stringify(text.slice(0, 200))}`,
    );
  }
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** A vocabulary of 2048 tokens that is learned from texts. */
export async function trainedVocabulary(texts: readonly string[]): Promise<Vocabulary> {
  const directory = await Deno.makeTempDir();
  try {
    const documents = (async function* () {
      for (const text of texts) yield await Promise.resolve({ text: utf8.encode(text) });
    })();
    await (await trainBpe(documents, { vocabSize: 2048 })).tokenizer.save(directory);
    return parseTokenizerJson(await Deno.readTextFile(`${directory}/tokenizer.json`), END_OF_TEXT, "trained");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Real code and prose that is always at hand: the project's own files. */
export async function projectTexts(): Promise<string[]> {
  const texts: string[] = [];
  const walk = async (directory: URL): Promise<void> => {
    const entries = await Array.fromAsync(Deno.readDir(directory));
    for (const entry of entries.sort((a, b) => a.name < b.name ? -1 : 1)) {
      const url = new URL(entry.name + (entry.isDirectory ? "/" : ""), directory);
      if (entry.isDirectory) await walk(url);
      else if (/\.(ts|wgsl|md)$/.test(entry.name)) texts.push(await Deno.readTextFile(url));
    }
  };
  for (const part of ["src/", "kernels/", "tests/", "docs/"]) await walk(new URL(`../../${part}`, import.meta.url));
  return texts;
}

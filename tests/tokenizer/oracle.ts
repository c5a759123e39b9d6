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

/** What gives the ids of many texts: the reference, or a faster way through it. */
export type BatchEncoder = Pick<Reference, "encodeBatch">;

/** Short texts that the reference takes as one. */
const TOGETHER = 500;

/**
 * The reference for very many short texts without special tokens: it gets them by hundreds, with special tokens between, at
 * which it cuts before anything else. A million of its results, each an object of its own, bring Deno's garbage collector
 * to a stop.
 */
export function shortTextReferenceOf(directory: string): BatchEncoder {
  const reference = Reference.fromFile(`${directory}/tokenizer.json`);
  return {
    async encodeBatch(texts, options) {
      const groups = Array.from(
        { length: Math.ceil(texts.length / TOGETHER) },
        (_, i) => texts.slice(i * TOGETHER, (i + 1) * TOGETHER).join(END_OF_TEXT),
      );
      const [separator, ...encodings] = await reference.encodeBatch([END_OF_TEXT, ...groups], options);
      const [endOfText] = separator.getIds();
      const lists = encodings.flatMap((encoding) => {
        const ofGroup: number[][] = [[]];
        for (const id of encoding.getIds()) {
          if (id === endOfText) ofGroup.push([]);
          else ofGroup[ofGroup.length - 1].push(id);
        }
        return ofGroup;
      });
      assert.equal(lists.length, texts.length);
      return lists.map((ids) => ({ getIds: () => ids }));
    },
  };
}

/** Asserts that every text has the reference's ids and decodes to itself. */
export async function assertSameIds(tokenizer: Tokenizer, reference: BatchEncoder, texts: string[]): Promise<void> {
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

/**
 * A vocabulary whose ids tell the class of every code point: a letter, digit, sign or space merges with the first byte of any
 * character behind it, and does so just where both are in one piece.
 */
export function classVocabulary(): Vocabulary {
  const tokens = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
  const merges: number[] = [];
  for (const first of utf8.encode("x1! ")) {
    for (let second = 0; second <= 0xf4; second++) {
      if (second >= 0x80 && second < 0xc2) continue;
      merges.push(first, second, tokens.length);
      tokens.push(Uint8Array.of(first, second));
    }
  }
  const eosId = tokens.length;
  tokens.push(utf8.encode(END_OF_TEXT));
  return { tokens, special: new Set([eosId]), merges: Int32Array.from(merges), eosId };
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

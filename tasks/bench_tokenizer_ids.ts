/**
 * Whether the encoder's ids are Hugging Face's, and whether they decode to the text: on documents, on every code point alone
 * and among others, and on hostile strings; in both engines, for GPT-2's vocabulary and for one that is learned from the
 * documents, each cut by every pattern. A third vocabulary shows in its ids which class every code point has.
 */

import { createByteLevelTokenizer } from "../src/tokenizer/byte_level.ts";
import { createEncoder, type Encoder } from "../src/tokenizer/encoder.ts";
import type { EngineName } from "../src/tokenizer/engine.ts";
import { gpt2Vocabulary } from "../src/tokenizer/gpt2.ts";
import { PATTERN_NAMES, type PatternName } from "../src/tokenizer/patterns.ts";
import { parseTokenizerJson } from "../src/tokenizer/tokenizer_json.ts";
import type { Tokenizer } from "../src/tokenizer/tokenizer.ts";
import { trainBpe } from "../src/tokenizer/train.ts";
import { byteIds, END_OF_TEXT, type Vocabulary } from "../src/tokenizer/vocabulary.ts";
import { codePoints, codePointsAmongOthers, hostileStrings, LATER_NUMBERS } from "../tests/tokenizer/hostile.ts";
import {
  type BatchEncoder,
  classVocabulary,
  referenceOf,
  sameBytes,
  shortTextReferenceOf,
} from "../tests/tokenizer/oracle.ts";

export interface IdCheck {
  readonly name: string;
  readonly texts: number;
  readonly bytes: number;
  /** Texts to which an engine gives other ids than the reference. */
  readonly different: Readonly<Record<EngineName, number>>;
  /** Texts that do not come back when an engine's ids are decoded. */
  readonly undecoded: number;
}

/** The bytes of documents that the vocabulary is learned from. */
export const LEARNED_FROM = 20e6;
const learnedSize = 8192;
/** Texts that the reference encodes at once. */
const batch = 10_000;

/**
 * @param limit bytes of documents that are compared, about
 * @param note is told each check as soon as it is done
 */
export async function checkIds(
  documents: readonly Uint8Array[],
  limit: number,
  note: (check: IdCheck) => void,
): Promise<IdCheck[]> {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const withoutLaterNumbers = codePointsAmongOthers(LATER_NUMBERS);
  const kinds: Kind[] = [
    { name: "code", texts: upTo(documents, limit).map((document) => decoder.decode(document)) },
    { name: "every code point alone", texts: codePoints(), short: true },
    { name: "every code point among others", texts: codePointsAmongOthers(), withoutLaterNumbers },
    { name: "hostile strings", texts: hostileStrings(40_000) },
  ];
  const checks: IdCheck[] = [];
  const vocabularies: [string, (pattern: PatternName) => Vocabulary | Promise<Vocabulary>][] = [
    ["gpt2", gpt2Vocabulary],
    ["trained here", (pattern) => learn(documents, pattern)],
    ["classes of characters", classVocabulary],
  ];
  for (const [vocabularyName, vocabularyFor] of vocabularies) {
    for (const pattern of PATTERN_NAMES) {
      const vocabulary = await vocabularyFor(pattern);
      const contestants = await prepare({ ...vocabulary, pattern });
      for (const kind of kinds) {
        if (vocabularyName === "classes of characters" && !kind.withoutLaterNumbers) continue;
        const check = {
          name: `${vocabularyName}, ${pattern}: ${kind.name}`,
          ...await compare(contestants, pattern, kind),
        };
        note(check);
        checks.push(check);
      }
    }
  }
  return checks;
}

interface Kind {
  readonly name: string;
  readonly texts: readonly string[];
  /** Many short texts, for the reference that takes them as one. */
  readonly short?: true;
  /** The texts for the pattern `digits`, without numbers that only a part of the reference knows. */
  readonly withoutLaterNumbers?: readonly string[];
}

/** Whether nothing differs. */
export function passed({ different, undecoded }: IdCheck): boolean {
  return undecoded === 0 && Object.values(different).every((count) => count === 0);
}

function upTo(documents: readonly Uint8Array[], limit: number): Uint8Array[] {
  let before = 0;
  return documents.filter(({ length }) => (before += length) - length < limit);
}

async function learn(documents: readonly Uint8Array[], pattern: PatternName): Promise<Vocabulary> {
  const stream = (async function* () {
    for (const text of upTo(documents, LEARNED_FROM)) yield await Promise.resolve({ text });
  })();
  const { tokenizer } = await trainBpe(stream, { vocabSize: learnedSize, pattern });
  return await inSavedDirectory(tokenizer, async (directory) => {
    const file = `${directory}/tokenizer.json`;
    return parseTokenizerJson(await Deno.readTextFile(file), END_OF_TEXT, file);
  });
}

async function inSavedDirectory<T>(tokenizer: Tokenizer, use: (directory: string) => Promise<T>): Promise<T> {
  const directory = await Deno.makeTempDir();
  try {
    await tokenizer.save(directory);
    return await use(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

interface Contestants {
  readonly reference: BatchEncoder;
  readonly shortTextReference: BatchEncoder;
  readonly engines: readonly Encoder[];
  readonly decode: Tokenizer["decode"];
}

async function prepare(vocabulary: Vocabulary & { readonly pattern: PatternName }): Promise<Contestants> {
  const tokenizer = await createByteLevelTokenizer(vocabulary, "checked");
  const { merges, pattern } = vocabulary;
  const tables = { byteToId: byteIds(vocabulary, "checked"), merges, pattern };
  const engines = [createEncoder(tables), createEncoder(tables, "TypeScript")];
  if (engines[0].engine !== "WebAssembly") throw new Error("there is no WebAssembly here");
  const references = await inSavedDirectory(tokenizer, async (directory) => ({
    reference: await referenceOf(directory),
    shortTextReference: shortTextReferenceOf(directory),
  }));
  return { engines, decode: tokenizer.decode, ...references };
}

async function compare(
  { reference, shortTextReference, engines, decode }: Contestants,
  pattern: PatternName,
  { texts: all, short, withoutLaterNumbers }: Kind,
): Promise<Omit<IdCheck, "name">> {
  const utf8 = new TextEncoder();
  const texts = pattern === "digits" && withoutLaterNumbers ? withoutLaterNumbers : all;
  const different = { WebAssembly: 0, TypeScript: 0 };
  let bytes = 0;
  let undecoded = 0;
  for (let from = 0; from < texts.length; from += batch) {
    const part = texts.slice(from, from + batch);
    const encodings = await (short ? shortTextReference : reference).encodeBatch(part, { addSpecialTokens: false });
    for (const [i, text] of part.entries()) {
      const source = utf8.encode(text);
      bytes += source.length;
      const expected = encodings[i].getIds();
      const made = engines.map(({ encode }) => encode(source));
      engines.forEach(({ engine }, which) => different[engine] += sameIds(made[which], expected) ? 0 : 1);
      if (!made.every((ids) => sameBytes(decode(ids), source))) undecoded++;
    }
  }
  return { texts: texts.length, bytes, different, undecoded };
}

function sameIds(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/**
 * Whether the encoder's ids are Hugging Face's: on documents, on every code point alone and between letters, and on hostile
 * strings; for GPT-2's vocabulary and one that is learned from the documents, cut by every pattern. Both engines must agree.
 */

import { Tokenizer as Reference } from "../tests/tokenizer/hugging_face.ts";
import { createByteLevelTokenizer } from "../src/tokenizer/byte_level.ts";
import { createEncoder } from "../src/tokenizer/encoder.ts";
import { gpt2Vocabulary } from "../src/tokenizer/gpt2.ts";
import { PATTERN_NAMES, type PatternName } from "../src/tokenizer/patterns.ts";
import { parseTokenizerJson } from "../src/tokenizer/tokenizer_json.ts";
import { trainBpe } from "../src/tokenizer/train.ts";
import { byteIds, END_OF_TEXT, type Vocabulary } from "../src/tokenizer/vocabulary.ts";
import { hostileStrings } from "../tests/tokenizer/hostile.ts";

export interface IdCheck {
  readonly name: string;
  readonly texts: number;
  readonly bytes: number;
  /** Texts with other ids than the reference, of either engine, or that do not decode to themselves. */
  readonly different: number;
}

const learnedSize = 8192;
const learnedFrom = 20e6;
/** Texts that the reference encodes at once. */
const batch = 2000;

/** @param limit Bytes of documents that are compared. */
export async function checkIds(
  documents: readonly Uint8Array[],
  limit: number,
  note: (line: string) => void,
): Promise<IdCheck[]> {
  const some: string[] = [];
  let bytes = 0;
  for (const document of documents) {
    if (bytes >= limit) break;
    some.push(new TextDecoder("utf-8", { ignoreBOM: true }).decode(document));
    bytes += document.length;
  }
  const kinds: [string, string[]][] = [
    ["code", some],
    ["code points", codePoints()],
    ["hostile strings", hostileStrings(40_000)],
  ];
  const vocabularies: [string, Vocabulary][] = [["gpt2", gpt2Vocabulary()], ["learned", await learn(documents)]];
  const checks: IdCheck[] = [];
  for (const [vocabularyName, vocabulary] of vocabularies) {
    for (const pattern of PATTERN_NAMES) {
      for (const [kind, texts] of kinds) {
        // Which characters are letters, numbers, space is the pattern's, not the vocabulary's.
        if (kind === "code points" && vocabularyName !== "gpt2") continue;
        const name = `${vocabularyName}, ${pattern}, ${kind}`;
        const check = { name, ...await compare({ ...vocabulary, pattern }, pattern, texts) };
        note(`${name}: ${check.different} of ${check.texts} texts (${(check.bytes / 1e6).toFixed(1)} MB) differ`);
        checks.push(check);
      }
    }
  }
  return checks;
}

/** Every code point, in texts of some hundred: alone between line ends, between letters, digits, signs and spaces. */
function codePoints(): string[] {
  const texts: string[] = [];
  let text = "";
  for (let codePoint = 0; codePoint <= 0x10ffff; codePoint++) {
    if (codePoint >= 0xd800 && codePoint < 0xe000) continue;
    const character = String.fromCodePoint(codePoint);
    text += `x${character}x1${character}! ${character}\n`;
    if (codePoint % 256 === 255) {
      texts.push(text);
      text = "";
    }
    // Really alone only where scripts are; beyond are ideographs and code points without characters.
    if (codePoint < 0x3400) texts.push(character);
  }
  return texts;
}

async function learn(documents: readonly Uint8Array[]): Promise<Vocabulary> {
  const directory = await Deno.makeTempDir();
  try {
    let bytes = 0;
    const some = documents.filter((text) => (bytes += text.length) < learnedFrom);
    const stream = (async function* () {
      for (const text of some) yield await Promise.resolve({ text });
    })();
    await (await trainBpe(stream, { vocabSize: learnedSize })).tokenizer.save(directory);
    const file = `${directory}/tokenizer.json`;
    return parseTokenizerJson(await Deno.readTextFile(file), END_OF_TEXT, file);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function compare(
  vocabulary: Vocabulary,
  pattern: PatternName,
  texts: readonly string[],
): Promise<Omit<IdCheck, "name">> {
  const directory = await Deno.makeTempDir();
  try {
    const tokenizer = await createByteLevelTokenizer(vocabulary, "checked");
    await tokenizer.save(directory);
    const json = JSON.parse(await Deno.readTextFile(`${directory}/tokenizer.json`));
    // Special tokens are ordinary text here.
    json.added_tokens = [];
    const reference = Reference.fromString(JSON.stringify(json));
    const tables = { byteToId: byteIds(vocabulary, "checked"), merges: vocabulary.merges, pattern };
    const engines = [createEncoder(tables), createEncoder(tables, "TypeScript")];
    const utf8 = new TextEncoder();
    let bytes = 0;
    let different = 0;
    for (let from = 0; from < texts.length; from += batch) {
      const part = texts.slice(from, from + batch);
      const expected = await reference.encodeBatch(part, { addSpecialTokens: false });
      for (const [i, text] of part.entries()) {
        const source = utf8.encode(text);
        bytes += source.length;
        const ids = expected[i].getIds();
        const same = engines.every(({ encode }) => equal(encode(source), ids)) &&
          equal(tokenizer.decode(engines[0].encode(source)), source);
        if (!same) different++;
      }
    }
    return { texts: texts.length, bytes, different };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function equal(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

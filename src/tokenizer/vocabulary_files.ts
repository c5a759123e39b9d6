/**
 * From the strings of vocabulary files to a checked `Vocabulary`. What would give wrong ids is refused: ids used twice,
 * merges whose parts or result are no tokens, merges listed twice.
 */

import { FormatError } from "../errors.ts";
import { fromPrintable } from "./byte_alphabet.ts";
import type { PatternName } from "./patterns.ts";
import { MAX_VOCABULARY, type Vocabulary } from "./vocabulary.ts";

/** What a vocabulary is built from, and where it came from. */
export interface VocabularySource {
  /** Token strings in the printable alphabet and their ids, as parsed from JSON and not yet checked. */
  vocab: unknown;
  /** Merges as pairs of token strings, in order of rank. */
  merges: readonly (readonly [string, string])[];
  /** Literal special tokens and their ids. */
  special: ReadonlyMap<string, number>;
  /** The literal text of the end-of-text token, if there is one. */
  eos: string;
  pattern: PatternName;
  /** File names for messages. */
  vocabFile: string;
  mergesFile: string;
}

/** @throws {FormatError} naming file and token, id or merge. */
export function buildVocabulary(source: VocabularySource): Vocabulary {
  const { vocab, merges, vocabFile, mergesFile } = source;
  if (!isJsonObject(vocab)) {
    throw new FormatError("the vocabulary is not a JSON object of tokens and ids", { where: vocabFile });
  }
  const ids = new Map<string, number>();
  for (const [text, id] of Object.entries(vocab)) ids.set(text, checkId(id, text, vocabFile));

  const specialIds = new Map(source.special);
  const eosInVocabulary = ids.get(source.eos);
  if (eosInVocabulary !== undefined && !specialIds.has(source.eos)) specialIds.set(source.eos, eosInVocabulary);
  for (const [text, id] of specialIds) {
    checkId(id, text, vocabFile);
    const known = ids.get(text);
    if (known !== undefined && known !== id) {
      throw new FormatError(`the token ${JSON.stringify(text)} has two ids, ${known} and ${id}`, { where: vocabFile });
    }
    ids.set(text, id);
  }
  if (ids.size === 0) throw new FormatError("the vocabulary is empty", { where: vocabFile });

  let size = 0;
  for (const id of ids.values()) size = Math.max(size, id + 1);
  const tokens: (Uint8Array | null)[] = new Array(size).fill(null);
  for (const [text, id] of ids) {
    if (tokens[id] !== null) {
      throw new FormatError(`id ${id} is used twice, the second time by ${JSON.stringify(text)}`, { where: vocabFile });
    }
    // A token outside the alphabet is reached by no text; like Hugging Face's decoder, take it literally.
    tokens[id] = (specialIds.has(text) ? null : fromPrintable(text)) ?? new TextEncoder().encode(text);
  }
  return {
    tokens,
    special: new Set(specialIds.values()),
    merges: mergeIds(merges, ids, mergesFile),
    eosId: specialIds.get(source.eos) ?? null,
    pattern: source.pattern,
  };
}

function checkId(id: unknown, text: string, where: string): number {
  if (typeof id === "number" && Number.isInteger(id) && id >= 0 && id < MAX_VOCABULARY) return id;
  throw new FormatError(`the token ${JSON.stringify(text)} has the id ${JSON.stringify(id)}`, {
    where,
    expected: `a whole number from 0 to ${MAX_VOCABULARY - 1}`,
  });
}

function mergeIds(
  merges: readonly (readonly [string, string])[],
  ids: ReadonlyMap<string, number>,
  where: string,
): Int32Array {
  const seen = new Set<number>();
  const triples = new Int32Array(merges.length * 3);
  for (const [rank, [left, right]] of merges.entries()) {
    const unknown = [left, right, left + right].find((text) => !ids.has(text));
    const [leftId, rightId, result] = [ids.get(left), ids.get(right), ids.get(left + right)];
    if (leftId === undefined || rightId === undefined || result === undefined) {
      throw new FormatError(`merge ${rank} (${left} ${right}) needs the token ${JSON.stringify(unknown)}`, {
        where,
        expected: "both parts and their concatenation in the vocabulary",
      });
    }
    const pair = leftId * MAX_VOCABULARY + rightId;
    if (seen.has(pair)) throw new FormatError(`merge ${rank} (${left} ${right}) is there twice`, { where });
    seen.add(pair);
    triples.set([leftId, rightId, result], rank * 3);
  }
  return triples;
}

/** Whether a parsed JSON value is an object (not null, not an array). */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Merges from the lines of a merges.txt. The first line is a header only where it says `#version`.
 * @throws {FormatError} naming file and line.
 */
export function parseMerges(text: string, where: string): [string, string][] {
  const lines = text.split("\n").map((line) => line.endsWith("\r") ? line.slice(0, -1) : line);
  const merges: [string, string][] = [];
  for (const [index, line] of lines.entries()) {
    if (index === 0 && line.startsWith("#version")) continue;
    if (line === "" && index === lines.length - 1) continue;
    merges.push(parseMerge(line, `${where}, line ${index + 1}`));
  }
  return merges;
}

/** A merge written as two tokens with one space between them. */
export function parseMerge(line: string, where: string): [string, string] {
  const parts = line.split(" ");
  if (parts.length === 2 && parts[0] !== "" && parts[1] !== "") return [parts[0], parts[1]];
  throw new FormatError(`${JSON.stringify(line)} is not a merge`, {
    where,
    expected: "two tokens with one space between them",
  });
}

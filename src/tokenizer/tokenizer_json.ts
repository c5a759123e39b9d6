/**
 * Reads Hugging Face's tokenizer.json where it describes what codekiln encodes exactly: byte-level BPE with one of the
 * patterns of patterns.ts. Everything that would change ids (other models, normalizers, pre-tokenizers, tokens that are matched inside
 * text) is refused by name. `truncation` and `padding` are settings of a caller, not of the vocabulary, and not read.
 */

import { FormatError, UserError } from "../errors.ts";
import { type JsonValue, parseJson as parseStrictJson } from "../json.ts";
import { type PatternName, patternOf } from "./patterns.ts";
import type { Vocabulary } from "./vocabulary.ts";
import { buildVocabulary, isJsonObject, parseMerge } from "./vocabulary_files.ts";

/**
 * @param text The file's content.
 * @param eos The literal end-of-text token.
 * @param where The file's name, for messages.
 * @throws {FormatError} where the content is damaged.
 * @throws {UserError} where it is a tokenizer of another kind.
 */
export function parseTokenizerJson(text: string, eos: string, where: string): Vocabulary {
  const root = parseJson(text, where);
  if (!isJsonObject(root)) throw new FormatError("not a JSON object", { where });
  const model = root.model;
  if (!isJsonObject(model)) throw new FormatError("there is no model", { where, expected: "an object `model`" });

  // Files written before models had a type are BPE where they have merges.
  const type = model.type ?? (Array.isArray(model.merges) ? "BPE" : "unknown");
  if (type !== "BPE") unsupported(`the model ${JSON.stringify(type)}`, where);
  if (model.dropout) unsupported("dropout in the merges", where);
  if (model.continuing_subword_prefix) unsupported("continuing_subword_prefix", where);
  if (model.end_of_word_suffix) unsupported("end_of_word_suffix", where);
  if (model.ignore_merges) unsupported("ignore_merges", where);
  checkNormalizer(root.normalizer, where);
  const pattern = parsePattern(root.pre_tokenizer, where);
  for (const part of ["post_processor", "decoder"]) {
    const value = root[part];
    if (value === null || value === undefined) continue;
    const kind = isJsonObject(value) ? value.type : value;
    if (kind !== "ByteLevel") unsupported(`the ${part} ${JSON.stringify(kind)}`, where);
  }
  const added = root.added_tokens ?? [];
  const vocabulary = buildVocabulary({
    vocab: model.vocab,
    merges: parseModelMerges(model.merges, where),
    special: parseAddedTokens(added, eos, where),
    eos,
    pattern,
    vocabFile: where,
    mergesFile: where,
  });
  return { ...vocabulary, strippingSpecial: strippingTokens(added) };
}

/**
 * Parsed JSON; objects have no prototype. The keys `"` and `\\`, which every vocabulary has, are safe here but not in V8's
 * parser (see src/json.ts).
 * @throws {FormatError} with the place of the error.
 */
export function parseJson(text: string, where: string): unknown {
  return withoutMaps(parseStrictJson(text, where));
}

function withoutMaps(value: JsonValue): unknown {
  if (Array.isArray(value)) return value.map(withoutMaps);
  if (!(value instanceof Map)) return value;
  const object: Record<string, unknown> = Object.create(null);
  for (const [key, member] of value) object[key] = withoutMaps(member);
  return object;
}

function unsupported(what: string, where: string): never {
  throw new UserError(`${what} is not supported`, {
    where,
    expected: "byte-level BPE with the pre-tokenization of GPT-2, of StarCoder, or codekiln's for code",
    hint: "train a vocabulary of your own with `codekiln tokenizer train`, or use the name gpt2",
  });
}

function checkNormalizer(normalizer: unknown, where: string): void {
  if (normalizer === null || normalizer === undefined) return;
  const kind = isJsonObject(normalizer) ? normalizer.type : normalizer;
  const empty = isJsonObject(normalizer) && kind === "Sequence" && Array.isArray(normalizer.normalizers) &&
    normalizer.normalizers.length === 0;
  if (!empty) unsupported(`the normalizer ${JSON.stringify(kind)}`, where);
}

function parsePattern(preTokenizer: unknown, where: string): PatternName {
  const pattern = patternOf(preTokenizer);
  return typeof pattern === "string" ? pattern : unsupported(pattern.unsupported, where);
}

function parseModelMerges(merges: unknown, where: string): [string, string][] {
  if (!Array.isArray(merges)) throw new FormatError("the model's merges are not a list", { where });
  return merges.map((merge: unknown, rank): [string, string] => {
    if (typeof merge === "string") return parseMerge(merge, `${where}, merge ${rank}`);
    if (Array.isArray(merge) && merge.length === 2) {
      const [left, right]: unknown[] = merge;
      if (typeof left === "string" && typeof right === "string") return [left, right];
    }
    throw new FormatError(`merge ${rank} is ${JSON.stringify(merge)}`, { where, expected: `"a b" or ["a", "b"]` });
  });
}

/** Ids of the added tokens that are not found in text just where they are spelled out. */
function strippingTokens(added: unknown): Set<number> {
  const ids = new Set<number>();
  for (const token of Array.isArray(added) ? added : []) {
    if (isJsonObject(token) && typeof token.id === "number" && (token.lstrip || token.rstrip || token.single_word)) {
      ids.add(token.id);
    }
  }
  return ids;
}

function parseAddedTokens(added: unknown, eos: string, where: string): Map<string, number> {
  if (!Array.isArray(added)) throw new FormatError("added_tokens is not a list", { where });
  const special = new Map<string, number>();
  for (const token of added) {
    if (!isJsonObject(token) || typeof token.content !== "string" || typeof token.id !== "number") {
      throw new FormatError(`the added token ${JSON.stringify(token)} has no content and id`, { where });
    }
    if (token.special !== true && token.content !== eos) {
      unsupported(`the added token ${JSON.stringify(token.content)}, which is found inside ordinary text,`, where);
    }
    if (special.has(token.content)) {
      throw new FormatError(`the added token ${JSON.stringify(token.content)} is there twice`, { where });
    }
    special.set(token.content, token.id);
  }
  return special;
}

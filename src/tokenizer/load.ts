/** Finds and reads a tokenizer: the built-in `gpt2`, a directory, or a file. */

import { FormatError, UserError } from "../errors.ts";
import { reason } from "../files.ts";
import { createByteLevelTokenizer, tokenizerOf } from "./byte_level.ts";
import { knownGpt2Vocabulary } from "./gpt2.ts";
import { DEFAULT_PATTERN, isPatternName, PATTERN_KEY, PATTERN_NAMES, type PatternName } from "./patterns.ts";
import { loadSentencePiece } from "./sentencepiece.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { parseJson, parseTokenizerJson } from "./tokenizer_json.ts";
import { END_OF_TEXT } from "./vocabulary.ts";
import { buildVocabulary, isJsonObject, parseMerges } from "./vocabulary_files.ts";

/**
 * Loads a tokenizer.
 * @param nameOrPath The name `gpt2` (a directory of that name is `./gpt2`); a directory with tokenizer.json, with
 * vocab.json and merges.txt, or with a sentencepiece .model; or one of these files.
 * @throws {UserError} where there is no such tokenizer or it is of a kind that codekiln does not encode exactly.
 * @throws {FormatError} where a file is damaged.
 * @example
 * ```ts
 * import { loadTokenizer } from "./load.ts";
 * const tokenizer = await loadTokenizer("gpt2");
 * const ids = tokenizer.encode(new TextEncoder().encode("def f():"));
 * console.log(new TextDecoder().decode(tokenizer.decode(ids))); // def f():
 * ```
 */
export async function loadTokenizer(nameOrPath: string): Promise<Tokenizer> {
  if (nameOrPath === "gpt2") return tokenizerOf(knownGpt2Vocabulary(), "gpt2");
  const path = nameOrPath.replace(/(?<=.)\/+$/, "");
  const kind = await stat(path);
  if (kind === null) {
    throw new UserError("there is no such tokenizer", {
      where: nameOrPath,
      expected: "the name gpt2, a directory, or a tokenizer file",
    });
  }
  if (kind.isDirectory) return await loadDirectory(path);
  const slash = path.lastIndexOf("/");
  const directory = slash < 0 ? "." : path.slice(0, slash) || "/";
  const file = path.slice(slash + 1);
  if (file === "vocab.json" || file === "merges.txt") {
    return await loadPair(`${directory}/vocab.json`, `${directory}/merges.txt`, path);
  }
  if (file.endsWith(".json")) return await loadTokenizerJson(path, directory, path);
  if (file.endsWith(".model")) return await loadSentencePiece(path, path);
  throw new UserError("not a tokenizer file by its name", {
    where: nameOrPath,
    expected: "tokenizer.json, vocab.json with merges.txt beside it, or a sentencepiece .model",
  });
}

/**
 * Loads GPT-2's pair of files under any names.
 * @param vocabFile JSON object from token to id.
 * @param mergesFile One merge a line; a first line is a header only where it says `#version`.
 */
export async function loadVocabMerges(vocabFile: string, mergesFile: string): Promise<Tokenizer> {
  return await loadPair(vocabFile, mergesFile, vocabFile);
}

async function loadDirectory(directory: string): Promise<Tokenizer> {
  if (await stat(`${directory}/tokenizer.json`)) {
    return await loadTokenizerJson(`${directory}/tokenizer.json`, directory, directory);
  }
  if (await stat(`${directory}/vocab.json`) || await stat(`${directory}/merges.txt`)) {
    return await loadPair(`${directory}/vocab.json`, `${directory}/merges.txt`, directory);
  }
  const models = (await Array.fromAsync(Deno.readDir(directory))).map(({ name }) => name)
    .filter((name) => name.endsWith(".model"));
  if (models.length === 1) return await loadSentencePiece(`${directory}/${models[0]}`, directory);
  if (models.length > 1) {
    throw new UserError(`the directory holds ${models.length} .model files`, {
      where: directory,
      expected: "one, or the path of the one that is meant",
    });
  }
  throw new UserError("the directory holds no tokenizer", {
    where: directory,
    expected: "tokenizer.json, vocab.json and merges.txt, or a sentencepiece .model",
  });
}

async function loadTokenizerJson(file: string, directory: string, name: string): Promise<Tokenizer> {
  const { eos } = await readConfig(directory);
  const vocabulary = parseTokenizerJson(await readText(file), eos, file);
  return await createByteLevelTokenizer(vocabulary, name, file);
}

async function loadPair(vocabFile: string, mergesFile: string, name: string): Promise<Tokenizer> {
  const slash = vocabFile.lastIndexOf("/");
  const vocabulary = buildVocabulary({
    vocab: parseJson(await readText(vocabFile), vocabFile),
    merges: parseMerges(await readText(mergesFile), mergesFile),
    ...await readConfig(slash < 0 ? "." : vocabFile.slice(0, slash)),
    vocabFile,
    mergesFile,
  });
  return await createByteLevelTokenizer(vocabulary, name, vocabFile);
}

interface Config {
  eos: string;
  pattern: PatternName;
  special: Map<string, number>;
}

/**
 * What a tokenizer_config.json in the directory says: the end-of-text token (else GPT-2's), and what vocab.json and
 * merges.txt cannot hold: the pattern (else GPT-2's too) and which other tokens are special.
 */
async function readConfig(directory: string): Promise<Config> {
  const file = `${directory}/tokenizer_config.json`;
  const config = await stat(file) ? parseJson(await readText(file), file) : null;
  const { eos_token: eos, [PATTERN_KEY]: pattern = DEFAULT_PATTERN } = isJsonObject(config) ? config : {};
  const content = isJsonObject(eos) ? eos.content : eos;
  if (!isPatternName(pattern)) {
    throw new FormatError(`${PATTERN_KEY} is ${JSON.stringify(pattern)}`, {
      where: file,
      expected: PATTERN_NAMES.join(", "),
    });
  }
  const special = isJsonObject(config) ? specialTokens(config.added_tokens_decoder) : new Map();
  return { eos: typeof content === "string" && content !== "" ? content : END_OF_TEXT, pattern, special };
}

/** The special ones of `added_tokens_decoder`, an object from id to token. */
function specialTokens(added: unknown): Map<string, number> {
  const special = new Map<string, number>();
  for (const [id, token] of Object.entries(isJsonObject(added) ? added : {})) {
    if (isJsonObject(token) && token.special === true && typeof token.content === "string") {
      special.set(token.content, Number(id));
    }
  }
  return special;
}

async function stat(path: string): Promise<Deno.FileInfo | null> {
  try {
    return await Deno.stat(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return null;
    throw new UserError(`cannot read the tokenizer: ${reason(cause)}`, { where: path, cause });
  }
}

/** A UTF-8 text file, whole. */
async function readText(path: string): Promise<string> {
  let bytes: Uint8Array;
  try {
    bytes = await Deno.readFile(path);
  } catch (cause) {
    throw new UserError(`cannot read the tokenizer: ${reason(cause)}`, { where: path, cause });
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new FormatError("not UTF-8 text", { where: path, cause });
  }
}

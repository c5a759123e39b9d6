/**
 * Writes a byte-level vocabulary in the forms that other programs read: tokenizer.json (Hugging Face's tokenizers),
 * tokenizer_config.json and special_tokens_map.json (what its users beside it read), vocab.json and merges.txt (GPT-2's own
 * pair of files). Each is written beside and renamed.
 */

import { CodekilnError } from "../errors.ts";
import { partialName, reason, removeIfPresent } from "../files.ts";
import { toPrintable } from "./byte_alphabet.ts";
import { DEFAULT_PATTERN, PATTERN_KEY, preTokenizerOf } from "./patterns.ts";
import type { Vocabulary } from "./vocabulary.ts";

/**
 * Saves a vocabulary into a directory, which is made if need be.
 * @param options.modelMaxLength Tokens, for tokenizer_config.json.
 * @throws {CodekilnError} where a file cannot be written; no file under its final name is half-written.
 */
export async function saveByteLevel(
  vocabulary: Vocabulary,
  directory: string,
  options: { modelMaxLength?: number } = {},
): Promise<void> {
  const vocab = vocabJson(vocabulary);
  const merges = mergeLines(vocabulary);
  await writeFiles(directory, {
    "vocab.json": vocab,
    "merges.txt": ["#version: 0.2", ...merges, ""].join("\n"),
    "tokenizer_config.json": JSON.stringify(tokenizerConfig(vocabulary, options.modelMaxLength ?? 1024), null, 2) +
      "\n",
    "special_tokens_map.json": JSON.stringify(specialTokensMap(vocabulary), null, 2) + "\n",
    "tokenizer.json": tokenizerJson(vocabulary, vocab, merges),
  });
}

/** Writes files into a directory: all of them beside their names first, then renamed one after the other. */
export async function writeFiles(directory: string, files: Record<string, string | Uint8Array>): Promise<void> {
  const paths = Object.keys(files).map((name) => `${directory.replace(/\/+$/, "")}/${name}`);
  try {
    await Deno.mkdir(directory, { recursive: true });
    for (const [index, content] of Object.values(files).entries()) {
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      await Deno.writeFile(partialName(paths[index]), bytes);
    }
    for (const path of paths) await Deno.rename(partialName(path), path);
  } catch (cause) {
    for (const path of paths) {
      try {
        removeIfPresent(partialName(path));
      } catch {
        // The first failure is the one to tell.
      }
    }
    throw new CodekilnError(`cannot save the tokenizer: ${reason(cause)}`, { where: directory, cause });
  }
}

/** The string that stands for an id in vocabulary files. */
function tokenText(vocabulary: Vocabulary, id: number): string {
  const bytes = vocabulary.tokens[id] ?? new Uint8Array(0);
  return vocabulary.special.has(id) ? new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes) : toPrintable(bytes);
}

/** The vocabulary as a JSON object in order of ids (an object's own order would move keys such as "1" to the front). */
function vocabJson(vocabulary: Vocabulary): string {
  const entries: string[] = [];
  for (const [id, token] of vocabulary.tokens.entries()) {
    if (token !== null) entries.push(`${JSON.stringify(tokenText(vocabulary, id))}:${id}`);
  }
  return `{${entries.join(",")}}`;
}

/** `left right` for every merge; the printable alphabet has no space, so one space parts them. */
function mergeLines(vocabulary: Vocabulary): string[] {
  const texts = vocabulary.tokens.map((_, id) => tokenText(vocabulary, id));
  const lines: string[] = [];
  for (let i = 0; i < vocabulary.merges.length; i += 3) {
    lines.push(`${texts[vocabulary.merges[i]]} ${texts[vocabulary.merges[i + 1]]}`);
  }
  return lines;
}

function tokenizerJson(vocabulary: Vocabulary, vocab: string, merges: string[]): string {
  const addedTokens = specialIds(vocabulary).map((id) => ({ id, ...addedToken(vocabulary, id) }));
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
  const model = {
    type: "BPE",
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: "",
    end_of_word_suffix: "",
    fuse_unk: false,
    byte_fallback: false,
  };
  const head = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: addedTokens,
    normalizer: null,
    pre_tokenizer: preTokenizerOf(vocabulary.pattern ?? DEFAULT_PATTERN),
    post_processor: byteLevel,
    decoder: byteLevel,
  };
  const modelText = `${JSON.stringify(model).slice(0, -1)},"vocab":${vocab},"merges":${JSON.stringify(merges)}}`;
  return `${JSON.stringify(head).slice(0, -1)},"model":${modelText}}\n`;
}

function tokenizerConfig(vocabulary: Vocabulary, modelMaxLength: number): Record<string, unknown> {
  const { pattern = DEFAULT_PATTERN } = vocabulary;
  const config: Record<string, unknown> = {
    // GPT-2's class may put its own pattern in the place of the one in tokenizer.json.
    tokenizer_class: pattern === "gpt2" ? "GPT2TokenizerFast" : "PreTrainedTokenizerFast",
    add_prefix_space: false,
    clean_up_tokenization_spaces: false,
    model_max_length: modelMaxLength,
  };
  if (pattern !== DEFAULT_PATTERN) config[PATTERN_KEY] = pattern;
  const ids = specialIds(vocabulary);
  const added_tokens_decoder = Object.fromEntries(ids.map((id) => [id, addedToken(vocabulary, id)]));
  return { ...config, ...specialTokensMap(vocabulary), added_tokens_decoder };
}

/** The roles of special tokens: end-of-text has all that GPT-2 gives it, the others have none. */
function specialTokensMap(vocabulary: Vocabulary): Record<string, string | string[]> {
  const { eosId } = vocabulary;
  const eos = eosId === null ? null : tokenText(vocabulary, eosId);
  const others = specialIds(vocabulary).filter((id) => id !== eosId).map((id) => tokenText(vocabulary, id));
  return {
    ...(eos === null ? {} : { bos_token: eos, eos_token: eos, unk_token: eos }),
    ...(others.length === 0 ? {} : { additional_special_tokens: others }),
  };
}

function specialIds(vocabulary: Vocabulary): number[] {
  return [...vocabulary.special].sort((a, b) => a - b);
}

function addedToken(vocabulary: Vocabulary, id: number): Record<string, unknown> {
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  return { content: tokenText(vocabulary, id), ...flags };
}

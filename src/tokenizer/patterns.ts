/**
 * The pre-tokenization patterns: how text is cut into the pieces inside which merges happen. Each has one exact
 * definition, which is the `pre_tokenizer` of tokenizer.json that Hugging Face's tokenizers reads; split.ts cuts the same
 * by hand. `\s` is Unicode White_Space in all of them.
 *
 * - `gpt2`: words with the space before them, numbers, signs, white space; the last of several spaces goes to the word.
 * - `digits`: GPT-2's with every number character a piece of its own, as StarCoder has it. A space before a number stays
 *   by itself, so numbers look the same everywhere.
 * - `code`: words take one sign or space before them (`.append`, `_name`, ` return`), every number character is a piece,
 *   line ends and indentation are pieces of their own, and indentation is never split to give a word its space.
 */

/** A pattern by name. */
export type PatternName = "gpt2" | "digits" | "code";

/** All patterns, the default one first. */
export const PATTERN_NAMES: readonly PatternName[] = ["gpt2", "digits", "code"];

/** The pattern of a vocabulary that names none. */
export const DEFAULT_PATTERN: PatternName = "gpt2";

/** Where tokenizer_config.json names the pattern, for vocab.json and merges.txt, which cannot. */
export const PATTERN_KEY = "pre_tokenizer_pattern";

/** One line for people about each pattern. */
export const PATTERN_SUMMARIES: Readonly<Record<PatternName, string>> = {
  gpt2: "GPT-2's",
  digits: "GPT-2's with every digit by itself",
  code: "words with one sign or space before them; digits, line ends and indentation by themselves",
};

/** The regular expression of `code`. GPT-2's is inside Hugging Face's ByteLevel; split.ts quotes it. */
const CODE_REGEX = String.raw`(?: |[^\s\p{L}\p{N}])?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|[\r\n]+|[^\S\r\n]+`;

function byteLevel(useRegex: boolean): Record<string, unknown> {
  return { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: useRegex };
}

/** The `pre_tokenizer` of tokenizer.json that cuts text by the pattern. */
export function preTokenizerOf(pattern: PatternName): Record<string, unknown> {
  switch (pattern) {
    case "gpt2":
      return byteLevel(true);
    case "digits":
      return { type: "Sequence", pretokenizers: [{ type: "Digits", individual_digits: true }, byteLevel(true)] };
    case "code": {
      const split = { type: "Split", pattern: { Regex: CODE_REGEX }, behavior: "Isolated", invert: false };
      return { type: "Sequence", pretokenizers: [split, byteLevel(false)] };
    }
  }
}

/**
 * The pattern that a `pre_tokenizer` of tokenizer.json describes.
 * @returns the pattern, or `{ unsupported }` naming the part that no pattern has.
 */
export function patternOf(preTokenizer: unknown): PatternName | { readonly unsupported: string } {
  const kind = isJsonObject(preTokenizer) ? preTokenizer.type : preTokenizer ?? null;
  const sequence = isJsonObject(preTokenizer) && kind === "Sequence" ? preTokenizer.pretokenizers : [preTokenizer];
  if (!Array.isArray(sequence) || sequence.length === 0) return { unsupported: "a Sequence of no pre_tokenizers" };
  const parts: unknown[] = sequence;
  const last = parts[parts.length - 1];
  for (const part of parts.slice(0, -1)) {
    const known = isJsonObject(part) && (part.type === "Digits" || part.type === "Split");
    if (!known) return { unsupported: `the pre_tokenizer ${typeName(part)} in a Sequence` };
  }
  if (!isJsonObject(last) || last.type !== "ByteLevel") return { unsupported: `the pre_tokenizer ${typeName(last)}` };
  // Left out, add_prefix_space and use_regex mean true.
  if (last.add_prefix_space !== false) return { unsupported: "add_prefix_space" };
  const ownPattern = last.use_regex !== false;

  if (parts.length === 1) {
    return ownPattern ? "gpt2" : { unsupported: "a ByteLevel pre_tokenizer without its pattern" };
  }
  if (parts.length > 2) return { unsupported: `a Sequence of ${parts.length} pre_tokenizers` };
  const first = parts[0];
  if (!isJsonObject(first)) return { unsupported: `the pre_tokenizer ${typeName(first)}` };
  if (first.type === "Digits") {
    // Left out, individual_digits means false: runs of digits.
    if (first.individual_digits !== true) return { unsupported: "Digits without individual_digits" };
    return ownPattern ? "digits" : { unsupported: "Digits before a ByteLevel pre_tokenizer without its pattern" };
  }
  const regex = isJsonObject(first.pattern) ? first.pattern.Regex : undefined;
  if (regex !== CODE_REGEX || first.behavior !== "Isolated" || first.invert !== false || ownPattern) {
    return { unsupported: `the split pattern ${JSON.stringify(regex ?? first.pattern ?? null)}` };
  }
  return "code";
}

/** Whether a value from outside names a pattern. */
export function isPatternName(value: unknown): value is PatternName {
  return PATTERN_NAMES.some((name) => name === value);
}

function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function typeName(value: unknown): string {
  return JSON.stringify(isJsonObject(value) ? value.type ?? null : value ?? null);
}

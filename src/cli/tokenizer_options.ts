/** The options of `codekiln tokenizer train | encode | decode`. */

import { DEFAULT_PATTERN, PATTERN_NAMES, PATTERN_SUMMARIES } from "../tokenizer/patterns.ts";
import { END_OF_TEXT } from "../tokenizer/vocabulary.ts";
import { optionTable, type OptionValues } from "./options.ts";
import { readingOptions } from "./reading_options.ts";

export const trainTokenizerOptionTable = optionTable({
  ...readingOptions,
  vocab_size: {
    type: "integer",
    required: true,
    min: 257,
    group: "Learning",
    help: "Number of tokens: 256 bytes, the merges, and the special tokens",
  },
  min_frequency: {
    type: "integer",
    default: 2,
    min: 1,
    group: "Learning",
    help: "Do not merge pairs that occur less often",
  },
  special_tokens: {
    type: "list",
    placeholder: "TEXT",
    group: "Learning",
    help:
      `Special tokens besides ${END_OF_TEXT}, which is always the first of them; they get the last ids, in this order`,
  },
  pattern: {
    type: "enum",
    values: PATTERN_NAMES,
    default: DEFAULT_PATTERN,
    group: "Learning",
    help: `How text is cut into the pieces that merges stay inside: ${
      PATTERN_NAMES.map((name) => `${name}: ${PATTERN_SUMMARIES[name]}`).join("; ")
    }`,
  },
  workers: {
    type: "integer",
    min: 1,
    max: 256,
    group: "Learning",
    help: "Threads that count pieces; default: as many as run at once. The vocabulary does not depend on it",
  },
  max_memory: {
    type: "integer",
    default: 384,
    min: 4,
    max: 8192,
    placeholder: "MIB",
    group: "Learning",
    help:
      "Memory for counting pieces and for learning merges, in MiB; where the different pieces need more, those seen least are forgotten, and how many is told",
  },
  output: { type: "string", required: true, placeholder: "DIR", group: "Writing", help: "Folder to write" },
  json: { type: "boolean", default: false, group: "Writing", help: "Print the result as a JSON object" },
});

export type TrainTokenizerOptions = OptionValues<typeof trainTokenizerOptionTable>;

export const decodeOptionTable = optionTable({
  tokenizer: {
    type: "string",
    required: true,
    placeholder: "T",
    help:
      "Directory or file of a tokenizer (tokenizer.json, vocab.json + merges.txt, sentencepiece .model), or the name gpt2",
  },
});

export const encodeOptionTable = optionTable({
  ...decodeOptionTable,
  parse_special: {
    type: "boolean",
    default: false,
    help: "Take special tokens such as <|endoftext|> in the text for their ids; otherwise they are text like any other",
  },
  json: { type: "boolean", default: false, help: "Print the ids as one JSON array" },
});

export type EncodeOptions = OptionValues<typeof encodeOptionTable>;

export type DecodeOptions = OptionValues<typeof decodeOptionTable>;

/** `codekiln tokenizer train | encode | decode`. */

import { defineCommand } from "./define_command.ts";
import { notBuiltYet } from "./device_options.ts";
import { optionTable } from "./options.ts";
import { readingOptions } from "./reading_options.ts";

export const tokenizerTrainCommand = defineCommand({
  name: "tokenizer train",
  summary: "Train a byte-level BPE vocabulary on source files",
  description:
    "Learns a byte-level BPE vocabulary and writes tokenizer.json, tokenizer_config.json, vocab.json and merges.txt.",
  options: optionTable({
    ...readingOptions,
    vocab_size: {
      type: "integer",
      required: true,
      min: 257,
      group: "Writing",
      help: "Number of tokens: 256 bytes, the merges, and end-of-text",
    },
    output: { type: "string", required: true, placeholder: "DIR", group: "Writing", help: "Folder to write" },
  }),
  examples: [
    {
      what: "8192 tokens from your own projects",
      command: "tokenizer train --input ~/projects --include '**/*.py' --vocab_size 8192 --output tok",
    },
  ],
  run: async () => await Promise.reject(notBuiltYet("tokenizer train")),
});

const tokenizerOption = optionTable({
  tokenizer: {
    type: "string",
    required: true,
    placeholder: "T",
    help:
      "Directory or file of a tokenizer (tokenizer.json, vocab.json + merges.txt, sentencepiece .model), or the name gpt2",
  },
});

export const tokenizerEncodeCommand = defineCommand({
  name: "tokenizer encode",
  summary: "Text on stdin to token ids on stdout",
  description: "Encodes the text on stdin and prints its token ids, separated by spaces.",
  options: optionTable({
    ...tokenizerOption,
    json: { type: "boolean", default: false, help: "Print the ids as one JSON array" },
  }),
  examples: [{ what: "GPT-2's ids of a file", command: "tokenizer encode --tokenizer gpt2 < file.py" }],
  run: async () => await Promise.reject(notBuiltYet("tokenizer encode")),
});

export const tokenizerDecodeCommand = defineCommand({
  name: "tokenizer decode",
  summary: "Token ids on stdin to text on stdout",
  description:
    "Reads token ids from stdin, separated by white space or as JSON arrays, and prints the text they stand for, to the byte.",
  options: optionTable({
    ...tokenizerOption,
  }),
  examples: [{
    what: "there and back",
    command: "tokenizer encode --tokenizer gpt2 < file.py | codekiln tokenizer decode --tokenizer gpt2",
  }],
  run: async () => await Promise.reject(notBuiltYet("tokenizer decode")),
});

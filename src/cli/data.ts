/** `codekiln data`: turns source code into token files. */

import { defineCommand } from "./define_command.ts";
import { notBuiltYet } from "./device_options.ts";
import { optionTable } from "./options.ts";
import { readingOptions } from "./reading_options.ts";

export const dataCommand = defineCommand({
  name: "data",
  summary: "Turn source files and archives into token files for training",
  description:
    "Reads documents, encodes them and writes P_ids.npy (all token ids), P_idx.npz (document lengths) and P_meta.json. Nothing appears under these names until all of it is written.",
  options: optionTable({
    ...readingOptions,
    tokenizer: {
      type: "string",
      required: true,
      placeholder: "T",
      group: "Writing",
      help:
        "Directory or file of a tokenizer (tokenizer.json, vocab.json + merges.txt, sentencepiece .model), or the name gpt2",
    },
    output_prefix: {
      type: "string",
      required: true,
      placeholder: "P",
      group: "Writing",
      help: "Path and first part of the names of the files to write",
    },
    append_eos: {
      type: "boolean",
      default: true,
      group: "Writing",
      help: "Do not put an end-of-text token behind each document",
    },
    json: { type: "boolean", default: false, group: "Writing", help: "Print the result as a JSON object" },
  }),
  examples: [
    {
      what: "your own projects with your own tokenizer",
      command: "data --input ~/projects --include '**/*.py' --tokenizer tok --output_prefix data/my",
    },
    {
      what: "an archive with GPT-2's vocabulary",
      command: "data --input corpus.tar.gz --tokenizer gpt2 --output_prefix data/corpus",
    },
    {
      what: "jsonl from another program",
      command:
        "zstdcat code.jsonl.zst | codekiln data --input - --json_key content --tokenizer gpt2 --output_prefix data/code",
    },
  ],
  run: async () => await Promise.reject(notBuiltYet("data")),
});

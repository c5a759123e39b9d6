/** The options of `codekiln data`. */

import { optionTable, type OptionValues } from "./options.ts";
import { type Reading, readingOptions } from "./reading_options.ts";

export const dataOptionTable = optionTable({
  ...readingOptions,
  input: { ...readingOptions.input, required: undefined, requiredUnless: "inspect" },
  tokenizer: {
    type: "string",
    requiredUnless: "inspect",
    placeholder: "T",
    group: "Writing",
    help:
      "Directory or file of a tokenizer (tokenizer.json, vocab.json + merges.txt, sentencepiece .model), or the name gpt2",
  },
  output_prefix: {
    type: "string",
    requiredUnless: "inspect",
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
  split_by_hash: {
    type: "string",
    placeholder: "N,N,N",
    group: "Writing",
    help:
      "Weights of train, valid and test, such as 900,50,50: writes P_train, P_valid and P_test, each document's part by the hash of its text",
  },
  split_seed: {
    type: "integer",
    default: 0,
    min: 0,
    group: "Writing",
    help: "Another seed is another assignment by --split_by_hash",
  },
  workers: {
    type: "integer",
    min: 1,
    group: "Running",
    help:
      "Threads that parse and encode, the one that reads among them; default: all processors; the files are the same",
  },
  resume: {
    type: "boolean",
    default: false,
    group: "Running",
    help: "Go on where a run of the same options was stopped or killed",
  },
  overwrite: {
    type: "boolean",
    default: false,
    group: "Running",
    help: "Begin anew where a run was stopped or killed, throwing its work away",
  },
  inspect: {
    type: "string",
    placeholder: "P",
    group: "Looking",
    help: "Show what is in the token file of this prefix instead of writing one",
  },
  show_documents: {
    type: "integer",
    default: 3,
    min: 0,
    group: "Looking",
    help: "Documents whose beginning --inspect shows",
  },
  json: { type: "boolean", default: false, group: "Looking", help: "Print the result as a JSON object" },
});

export type DataOptions = OptionValues<typeof dataOptionTable>;

/** The options that choose documents: what a description keeps of a run. */
export function readingOptionsOf(options: DataOptions): Reading {
  const chosen = Object.keys(readingOptions).map((name) => [name, options[name as keyof Reading]]);
  return Object.fromEntries(chosen) as Reading;
}

/** The options of every command that reads a corpus: what to read, and what of it to leave out. */

import { optionTable } from "./options.ts";

export const readingOptions = optionTable({
  input: {
    type: "list",
    required: true,
    placeholder: "PATH",
    group: "Reading",
    help:
      "Files and folders to read, or - for stdin: source files, .txt, .jsonl; .zip and .tar; .gz and .zst, also stacked (.tar.gz, .jsonl.zst)",
  },
  include: { type: "list", placeholder: "GLOB", group: "Reading", help: "Read only files that match one of these" },
  exclude: { type: "list", placeholder: "GLOB", group: "Reading", help: "Leave out files that match one of these" },
  json_key: {
    type: "string",
    default: "text",
    placeholder: "KEY",
    group: "Reading",
    help: "Member of each .jsonl line that holds the text",
  },
  min_doc_length: {
    type: "integer",
    default: 10,
    min: 0,
    group: "Reading",
    help: "Skip documents of this many characters or fewer",
  },
});

/**
 * `<prefix>_meta.json`: which tokenizer wrote a token file, and what it holds. Files of other programs have none.
 */

import * as v from "valibot";
import { FormatError, UserError } from "../errors.ts";
import { reason } from "../files.ts";
import { splitParts } from "./split.ts";

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const metaSchema = v.object({
  format: v.literal("codekiln-tokens-1"),
  tokenizer: v.object({ name: v.string(), fingerprint: v.string() }),
  /** Every id is below it. */
  vocab_size: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  /** The end-of-text id of the tokenizer, or null where it has none. */
  eos_id: v.nullable(count),
  /** Whether the end-of-text id follows every document. */
  append_eos: v.boolean(),
  documents: count,
  tokens: count,
  /** UTF-8 bytes of all documents; end-of-text counts none. */
  text_bytes: count,
  /** SHA-256, hex, chained over every document's length and hash (fingerprint.ts). */
  corpus_fingerprint: v.string(),
  /** The documents by language; absent in files of older versions. */
  languages: v.optional(v.record(v.string(), v.object({ documents: count, bytes: count }))),
  /** Of data that were split by the hash of each document: which part this is. */
  split: v.optional(v.object({
    part: v.picklist(splitParts),
    weights: v.array(v.pipe(v.number(), v.minValue(0))),
    seed: count,
  })),
  /** The options that the documents were chosen and tokenized with. */
  options: v.record(v.string(), v.unknown()),
  /** Counts of what was read and left out of the corpus, all parts of a split together; absent where nobody counted. */
  corpus: v.optional(v.record(v.string(), v.unknown())),
});

/** The content of `<prefix>_meta.json`. */
export type TokenFileMeta = v.InferOutput<typeof metaSchema>;

/** The three files of a prefix. */
export function tokenFilePaths(prefix: string): { ids: string; idx: string; meta: string } {
  return { ids: `${prefix}_ids.npy`, idx: `${prefix}_idx.npz`, meta: `${prefix}_meta.json` };
}

/**
 * Reads a meta file; null where there is none.
 * @throws {FormatError} where it is not what `TokenFileMeta` says.
 */
export function readTokenFileMeta(path: string): TokenFileMeta | null {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return null;
    throw new UserError(`cannot read the token file's description: ${reason(cause)}`, { where: path, cause });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new FormatError(`not JSON: ${reason(cause)}`, { where: path, cause });
  }
  const result = v.safeParse(metaSchema, json);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new FormatError(issue.message, { where: `${path}, ${v.getDotPath(issue) ?? "top level"}` });
}

/**
 * From documents to a token file: each document is tokenized, followed by end-of-text, and appended; one is in memory at a time.
 */

import { createHash } from "node:crypto";
import type { Document } from "../corpus/document.ts";
import { UserError } from "../errors.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { TokenFileMeta } from "./meta.ts";
import { createTokenFileWriter } from "./token_writer.ts";

/** What has been written so far. */
export interface BuildProgress {
  documents: number;
  tokens: number;
  /** UTF-8 bytes of text. */
  textBytes: number;
}

export interface BuildOptions {
  documents: AsyncIterable<Document>;
  tokenizer: Tokenizer;
  /** Path of the files without `_ids.npy` and so on. */
  prefix: string;
  /** Puts the end-of-text id after every document. Default true. */
  appendEos?: boolean;
  /** Stops the work; what was written is removed and the signal's reason thrown. */
  signal?: AbortSignal;
  /** Called about ten times a second, and at the end. */
  onProgress?: (progress: BuildProgress) => void;
  /** The options that the documents were chosen with, kept in the meta file. */
  options?: Record<string, unknown>;
  /** What was read and left out, asked for at the end and kept in the meta file. */
  corpus?: () => Record<string, unknown>;
}

const progressMs = 100;

/**
 * Writes the token file of some documents; on any failure nothing is left.
 * @returns The content of its meta file.
 * @throws {UserError} where the tokenizer has no end-of-text, or there are no documents.
 */
export async function buildTokenFile(build: BuildOptions): Promise<TokenFileMeta> {
  const { documents, tokenizer, prefix, appendEos = true, signal, onProgress, options = {} } = build;
  signal?.throwIfAborted();
  if (appendEos && tokenizer.eosId === null) {
    throw new UserError(`the tokenizer ${tokenizer.name} has no end-of-text token to put after documents`, {
      hint: "choose a tokenizer that has one, or give --no-append_eos",
    });
  }
  const eosId = appendEos ? tokenizer.eosId ?? undefined : undefined;
  using writer = createTokenFileWriter(prefix, { vocabSize: tokenizer.vocabSize });
  const hash = createHash("sha256");
  const length = new BigUint64Array(1);
  const report = () =>
    onProgress?.({ documents: writer.documents, tokens: writer.tokens, textBytes: writer.textBytes });

  let paused = performance.now();
  for await (const { text } of documents) {
    length[0] = BigInt(text.length);
    hash.update(new Uint8Array(length.buffer)).update(text);
    writer.append(tokenizer.encode(text), text.length, eosId);
    if (performance.now() - paused >= progressMs) {
      report();
      await new Promise((resolve) => setTimeout(resolve, 0)); // lets signals and timers act
      paused = performance.now();
    }
    signal?.throwIfAborted();
  }
  if (writer.documents === 0) {
    throw new UserError("no documents: nothing in the input passed the filters", {
      hint: "see --input, --include, --exclude and --min_doc_length",
    });
  }
  if (writer.tokens === 0) throw new UserError("the documents have no tokens", { hint: "see --input and --tokenizer" });
  report();
  return writer.commit({
    tokenizer: { name: tokenizer.name, fingerprint: tokenizer.fingerprint },
    eos_id: tokenizer.eosId,
    append_eos: appendEos,
    corpus_fingerprint: hash.digest("hex"),
    options,
    ...(build.corpus ? { corpus: build.corpus() } : {}),
  });
}

/**
 * From documents to a token file: each document is tokenized, followed by end-of-text, and appended; one is in memory at a time.
 */

import type { Document } from "../corpus/document.ts";
import { UserError } from "../errors.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { createDocumentHash } from "./document_hash.ts";
import { createFingerprint } from "./fingerprint.ts";
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
  requireEos(tokenizer, appendEos);
  const eosId = appendEos ? tokenizer.eosId ?? undefined : undefined;
  using writer = createTokenFileWriter(prefix, { vocabSize: tokenizer.vocabSize });
  const hash = await createDocumentHash();
  const fingerprint = createFingerprint();
  const languages: LanguageCounts = {};
  const report = () =>
    onProgress?.({ documents: writer.documents, tokens: writer.tokens, textBytes: writer.textBytes });

  let paused = performance.now();
  for await (const { text, language } of documents) {
    fingerprint.add(new Uint8Array(BigUint64Array.of(hash(text)).buffer), text.length);
    countLanguage(languages, language ?? "unknown", text.length);
    writer.append(tokenizer.encode(text), text.length, eosId);
    if (performance.now() - paused >= progressMs) {
      report();
      await new Promise((resolve) => setTimeout(resolve, 0)); // lets signals and timers act
      paused = performance.now();
    }
    signal?.throwIfAborted();
  }
  requireContent(writer);
  report();
  return writer.commit({
    tokenizer: { name: tokenizer.name, fingerprint: tokenizer.fingerprint },
    eos_id: tokenizer.eosId,
    append_eos: appendEos,
    corpus_fingerprint: fingerprint.value(),
    languages,
    options,
    ...(build.corpus ? { corpus: build.corpus() } : {}),
  });
}

/** Documents and bytes by language. */
export type LanguageCounts = Record<string, { documents: number; bytes: number }>;

export function countLanguage(languages: LanguageCounts, language: string, bytes: number): void {
  const counts = Object.hasOwn(languages, language)
    ? languages[language]
    : (languages[language] = { documents: 0, bytes: 0 });
  counts.documents++;
  counts.bytes += bytes;
}

/** @throws {UserError} where documents are to end with a token that the tokenizer has not. */
export function requireEos(tokenizer: Tokenizer, appendEos: boolean): void {
  if (!appendEos || tokenizer.eosId !== null) return;
  throw new UserError(`the tokenizer ${tokenizer.name} has no end-of-text token to put after documents`, {
    hint: "choose a tokenizer that has one, or give --no-append_eos",
  });
}

/** @throws {UserError} where there is nothing to train on. */
export function requireContent({ documents, tokens }: { documents: number; tokens: number }): void {
  if (documents === 0) {
    throw new UserError("no documents: nothing in the input passed the filters", {
      hint: "see --input, --include, --exclude and --min_doc_length",
    });
  }
  if (tokens === 0) throw new UserError("the documents have no tokens", { hint: "see --input and --tokenizer" });
}

/** What the rest of codekiln knows of a tokenizer: UTF-8 bytes in, ids out, and back. */
export interface Tokenizer {
  /** Number of ids: every id is below it. */
  readonly vocabSize: number;
  /** The id that ends every document (`<|endoftext|>`), or null where the vocabulary has none. */
  readonly eosId: number | null;
  /** A short name for messages and metadata: `gpt2` or the path it was loaded from. */
  readonly name: string;
  /** SHA-256, hex, over the canonical vocabulary and merges: two tokenizers with equal fingerprints give equal ids. */
  readonly fingerprint: string;
  /** Ids of a text given as UTF-8 bytes. Special tokens in the text are encoded as ordinary text. */
  encode(utf8: Uint8Array): Uint32Array;
  /** The bytes that the ids stand for; special tokens decode to their literal text unless `skipSpecial`. */
  decode(ids: ArrayLike<number>, options?: { skipSpecial?: boolean }): Uint8Array;
  /** Number of bytes the id decodes to; 0 for special tokens (they are not text of a document). */
  byteLength(id: number): number;
  /**
   * Writes tokenizer.json, tokenizer_config.json, vocab.json and merges.txt (or the .model) into a directory, which is
   * made if need be. `modelMaxLength`, in tokens, goes into tokenizer_config.json (1024 unless given).
   */
  save(directory: string, options?: { modelMaxLength?: number }): Promise<void>;
}

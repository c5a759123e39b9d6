import type { MemoryRoom } from "../wasm.ts";
import type { EncoderSeed } from "./encoder.ts";

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
  /** What an encoder of the same ids grows from in another thread (`growEncoder`); null where one has to load the tokenizer again. */
  readonly seed: EncoderSeed | null;
  /**
   * Ids of a text given as UTF-8 bytes. Special tokens in the text are encoded as ordinary text unless `parseSpecial`.
   * @throws {UserError} where `parseSpecial` is asked for and the tokenizer cannot find its special tokens in text.
   */
  encode(utf8: Uint8Array, options?: { parseSpecial?: boolean }): Uint32Array;
  /**
   * Like `encode`, into an array that is already there.
   * @param utf8 The text. Where it stands in a `textRoom`, it is not copied.
   * @param ids Receives the ids from `at` on (0 unless given); there must be room for one for every byte of the text. A
   * Uint16Array does while `vocabSize` is at most 65536.
   * @returns The number of ids.
   * @throws {RangeError} where there is no room.
   */
  encodeInto(utf8: Uint8Array, ids: Uint32Array | Uint16Array, at?: number): number;
  /**
   * Room of so many bytes in the memory where texts are encoded, for others to write texts there; null where there is none, or not so
   * much. It is good until room is asked for again, but `encodeInto` may make the memory grow.
   */
  textRoom(bytes: number): MemoryRoom | null;
  /** The bytes that the ids stand for; special tokens decode to their literal text unless `skipSpecial`. */
  decode(ids: ArrayLike<number>, options?: { skipSpecial?: boolean }): Uint8Array;
  /** Number of bytes the id decodes to; 0 for special tokens (they are not text of a document). */
  byteLength(id: number): number;
  /**
   * Writes tokenizer.json, the two files beside it, vocab.json and merges.txt (or the .model) into a directory, which is
   * made if need be. `modelMaxLength`, in tokens, goes into tokenizer_config.json (1024 unless given).
   */
  save(directory: string, options?: { modelMaxLength?: number }): Promise<void>;
}

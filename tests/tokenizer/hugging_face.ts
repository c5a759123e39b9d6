/** Hugging Face's tokenizers (npm:tokenizers, in Rust), as much of them as tests and benches use. */

import { requirePackage } from "../../tasks/packages.ts";

interface EncodeOptions {
  readonly addSpecialTokens: boolean;
}

interface Encoding {
  getIds(): number[];
}

export interface Tokenizer {
  encode(text: string, pair?: null, options?: EncodeOptions): Promise<Encoding>;
  encodeBatch(texts: readonly string[], options: EncodeOptions): Promise<Encoding[]>;
  setPreTokenizer(preTokenizer: object): void;
  /** Learns from text files, line by line. */
  train(files: readonly string[]): void;
  /** Writes tokenizer.json. */
  save(path: string): void;
}

interface Library {
  readonly Tokenizer: {
    new (model: object): Tokenizer;
    /** @param json what a tokenizer.json holds */
    fromString(json: string): Tokenizer;
    fromFile(path: string): Tokenizer;
  };
  readonly BPE: { empty(): object };
  byteLevelPreTokenizer(addPrefixSpace: boolean): object;
}

export const { Tokenizer, BPE, byteLevelPreTokenizer } = await requirePackage("tokenizers") as Library;

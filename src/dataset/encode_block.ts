/**
 * From blocks of input to ids, in whatever thread: parses them, encodes the documents one after the other, and gives all that a token
 * file and the gate in front of it need in a few flat arrays.
 */
import type { Block } from "../corpus/block.ts";
import { createBlockParser, type ParsedBlock, type ParseOptions } from "../corpus/parse.ts";
import { CodekilnError } from "../errors.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { createDocumentHash, documentHashBytes } from "./document_hash.ts";
import { idsDtype } from "./token_writer.ts";

/** Documents of some blocks, encoded. All arrays have buffers of their own. */
export interface EncodedBlocks {
  /** All ids back to back, as the token file has them. */
  readonly ids: Uint16Array<ArrayBuffer> | Int32Array<ArrayBuffer>;
  /** Ids of each document, its end-of-text included. */
  readonly lens: Int32Array<ArrayBuffer>;
  /** UTF-8 bytes of each document. */
  readonly textBytes: Float64Array<ArrayBuffer>;
  /** `documentHashBytes` of each document. */
  readonly hashes: Uint8Array<ArrayBuffer>;
  /** The corpus's own four words of each document, where duplicates are left out; else empty. */
  readonly contentHashes: Uint32Array<ArrayBuffer>;
  /** 1 where U+FFFD stands for something that could not be decoded. */
  readonly undecodable: Uint8Array<ArrayBuffer>;
  /** Language of each document, a place in `languageNames`. */
  readonly languages: Uint16Array<ArrayBuffer>;
  readonly languageNames: readonly (string | null)[];
  /** What parsing left out, and what it found damaged, block by block. */
  readonly leftOut: readonly Pick<ParsedBlock, "dropped" | "damaged">[];
}

export interface EncodeSettings {
  readonly parse: ParseOptions;
  readonly appendEos: boolean;
}

/** Encodes blocks with one tokenizer. */
export async function createBlockEncoder(
  tokenizer: Tokenizer,
  { parse, appendEos }: EncodeSettings,
): Promise<(blocks: readonly Block[]) => EncodedBlocks> {
  const hash = await createDocumentHash();
  const parseBlock = createBlockParser(parse);
  const out = createIdBuffer(tokenizer, appendEos ? tokenizer.eosId : null);

  return (blocks) => {
    const lens: number[] = [];
    const textBytes: number[] = [];
    const hashes: bigint[] = [];
    const contentHashes: number[] = [];
    const undecodable: number[] = [];
    const languages: number[] = [];
    const languageNames: (string | null)[] = [];
    const leftOut: Pick<ParsedBlock, "dropped" | "damaged">[] = [];
    for (const block of blocks) {
      const { documents, dropped, damaged } = parseBlock(block);
      if (damaged.length > 0 || Object.keys(dropped).length > 0) leftOut.push({ dropped, damaged });
      for (const document of documents) {
        const { text, language } = document;
        lens.push(out.add(text));
        textBytes.push(text.length);
        hashes.push(...hash(text));
        if (document.hash) contentHashes.push(...document.hash);
        undecodable.push(document.undecodable ? 1 : 0);
        const place = languageNames.indexOf(language);
        languages.push(place < 0 ? languageNames.push(language) - 1 : place);
      }
    }
    const ids = out.take();
    requireInVocabulary(ids, tokenizer);
    return {
      ids,
      lens: Int32Array.from(lens),
      textBytes: Float64Array.from(textBytes),
      hashes: new Uint8Array(BigUint64Array.from(hashes).buffer),
      contentHashes: Uint32Array.from(contentHashes),
      undecodable: Uint8Array.from(undecodable),
      languages: Uint16Array.from(languages),
      languageNames,
      leftOut,
    };
  };
}

/** Encodes documents back to back into a buffer that grows, in the type of the token file. */
function createIdBuffer(tokenizer: Tokenizer, eosId: number | null) {
  const small = idsDtype(tokenizer.vocabSize) === "<u2";
  const empty = (): Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer> =>
    small ? new Uint16Array(0) : new Uint32Array(0);
  let room = empty();
  let used = 0;
  const reserve = (more: number): void => {
    if (room.length >= used + more) return;
    const length = Math.max(1 << 16, 2 ** Math.ceil(Math.log2(used + more)));
    const grown = small ? new Uint16Array(length) : new Uint32Array(length);
    grown.set(room.subarray(0, used));
    room = grown;
  };
  return {
    /** Encodes a document and says how many ids it has. */
    add(text: Uint8Array): number {
      const start = used;
      reserve(text.length + 1);
      try {
        used += tokenizer.encodeInto(text, room, used);
      } catch (error) {
        // A sentencepiece model may give more ids than there are bytes.
        if (!(error instanceof RangeError)) throw error;
        const ids = tokenizer.encode(text);
        reserve(ids.length + 1);
        room.set(ids, used);
        used += ids.length;
      }
      if (eosId !== null) {
        reserve(1);
        room[used++] = eosId;
      }
      return used - start;
    },
    /** All ids so far, in a buffer of their own; begins anew. */
    take(): EncodedBlocks["ids"] {
      const ids = room.slice(0, used);
      used = 0;
      if (room.length > keptIds) room = empty(); // what one very large document needed is not kept
      return small ? new Uint16Array(ids.buffer) : new Int32Array(ids.buffer);
    },
  };
}

const keptIds = 1 << 22;

/** A tokenizer that breaks its word must not spoil a token file. */
function requireInVocabulary(ids: Uint16Array | Int32Array, { vocabSize, name }: Tokenizer): void {
  for (let i = 0; i < ids.length; i++) {
    if (ids[i] >= 0 && ids[i] < vocabSize) continue;
    throw new CodekilnError(`the tokenizer gave the id ${ids[i]}`, { where: name, expected: `0 to ${vocabSize - 1}` });
  }
}

/** The buffers of a result, to be handed over rather than copied. */
export function buffersOf(encoded: EncodedBlocks): ArrayBuffer[] {
  const { ids, lens, textBytes, hashes, contentHashes, undecodable, languages } = encoded;
  return [ids, lens, textBytes, hashes, contentHashes, undecodable, languages].map(({ buffer }) => buffer);
}

/** The hash of one document. */
export function hashOf({ hashes }: EncodedBlocks, document: number): Uint8Array {
  return hashes.subarray(document * documentHashBytes, (document + 1) * documentHashBytes);
}

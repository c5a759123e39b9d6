/**
 * From blocks of input to ids, in whatever thread: parses them, encodes each document as it comes (a line's text is written where it is
 * encoded), and gives all that a token file and the gate in front of it need in a few flat arrays.
 */
import type { Block } from "../corpus/block.ts";
import { createBlockParser, type ParsedBlock, type ParsedDocument, type ParseOptions } from "../corpus/parse.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { createDocumentHash, documentHashBytes } from "./document_hash.ts";

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
  readonly leftOut: readonly ParsedBlock[];
}

/** How blocks become ids. Plain data, to be sent to other threads. */
export interface EncodeSettings {
  readonly parse: ParseOptions;
  /** The id that goes behind every document, or null. */
  readonly eosId: number | null;
  /** Whether ids take 32 bits in the file, not 16. */
  readonly wide: boolean;
}

export interface BlockEncoder {
  /** @throws what parsing and encoding throw. */
  encode(blocks: readonly Block[]): EncodedBlocks;
  /** Gives back the buffer of ids that are done with, to be filled again. */
  reuse(ids: ArrayBuffer): void;
}

/** What encoding needs of a tokenizer. */
type Encoder = Pick<Tokenizer, "encode" | "encodeInto" | "textRoom">;

/** Encodes blocks with one tokenizer. */
export async function createBlockEncoder(
  tokenizer: Encoder,
  { parse, eosId, wide }: EncodeSettings,
): Promise<BlockEncoder> {
  const hash = await createDocumentHash();
  const parseBlock = await createBlockParser(parse, tokenizer.textRoom);
  const out = createIdBuffer(tokenizer, eosId, wide);

  const encode = (blocks: readonly Block[]): EncodedBlocks => {
    const lens: number[] = [];
    const textBytes: number[] = [];
    const hashes: bigint[] = [];
    const contentHashes: number[] = [];
    const undecodable: number[] = [];
    const languages: number[] = [];
    const languageNames: (string | null)[] = [];
    const leftOut: ParsedBlock[] = [];
    const add = (document: ParsedDocument): void => {
      const { text, language } = document;
      textBytes.push(text.length);
      hashes.push(hash(text));
      if (document.hash) contentHashes.push(...document.hash);
      undecodable.push(document.undecodable ? 1 : 0);
      const place = languageNames.indexOf(language);
      languages.push(place < 0 ? languageNames.push(language) - 1 : place);
      lens.push(out.add(text)); // last: the text may be gone with the memory that it was in
    };
    out.begin(blocks.reduce((sum, { bytes }) => sum + bytes.length, 0));
    for (const block of blocks) {
      const { dropped, damaged } = parseBlock(block, add);
      if (damaged.length > 0 || Object.keys(dropped).length > 0) leftOut.push({ dropped, damaged });
    }
    return {
      ids: out.take(),
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
  return { encode, reuse: out.reuse };
}

/** Encodes documents back to back into a buffer that grows, in the type of the token file. */
function createIdBuffer(tokenizer: Encoder, eosId: number | null, wide: boolean) {
  const arrayOf = (buffer: ArrayBuffer) => wide ? new Uint32Array(buffer) : new Uint16Array(buffer);
  const idBytes = wide ? 4 : 2;
  let room = arrayOf(new ArrayBuffer(0));
  let used = 0;
  let spare: ArrayBuffer | null = null;
  const reserve = (more: number): void => {
    if (room.length >= used + more) return;
    const grown = arrayOf(new ArrayBuffer(Math.max(2 * room.length, used + more) * idBytes));
    grown.set(room.subarray(0, used));
    room = grown;
  };
  return {
    /** Blocks of so many bytes are to come: few texts have an id for every second byte. */
    begin(blockBytes: number): void {
      used = 0;
      if (spare !== null) room = arrayOf(spare);
      spare = null;
      reserve(blockBytes >>> 1);
    },
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
    /** All ids since `begin`; their buffer is the caller's. */
    take(): EncodedBlocks["ids"] {
      const { buffer } = room;
      room = arrayOf(new ArrayBuffer(0));
      return wide ? new Int32Array(buffer, 0, used) : new Uint16Array(buffer, 0, used);
    },
    reuse(ids: ArrayBuffer): void {
      spare = ids;
    },
  };
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

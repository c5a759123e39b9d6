/**
 * Sentencepiece models, encoded by npm's sentencepiece-js (sentencepiece_library.ts) and decoded by the model's own
 * table of pieces. Ids are spm_encode's. Whether text comes back as it was depends on the model: only one with identity
 * normalization, no dummy prefix and byte pieces is lossless.
 */

import { CodekilnError, FormatError, UserError } from "../errors.ts";
import { reason } from "../files.ts";
import { writeFiles } from "./save.ts";
import { cachedEncoding, isCacheable } from "./sentencepiece_cache.ts";
import { loadModel } from "./sentencepiece_library.ts";
import { parseSentencePieceModel, PieceType, type SentencePieceModel } from "./sentencepiece_model.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { hex } from "./vocabulary.ts";

/**
 * Loads a sentencepiece .model.
 * @param file The model's path.
 * @param name For messages and metadata.
 * @throws {FormatError} where the file is no such model.
 */
export async function loadSentencePiece(file: string, name: string): Promise<Tokenizer> {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = await Deno.readFile(file);
  } catch (cause) {
    throw new FormatError(`cannot read the model: ${reason(cause)}`, { where: file, cause });
  }
  const model = parseSentencePieceModel(bytes, file);
  const { processor } = await loadModel(file);
  const status = processor.processor.status();
  const text = status.ToString();
  status.delete();
  if (text !== "OK") throw new FormatError(`sentencepiece refuses the model: ${text}`, { where: file });

  const table = decodingTable(model);
  const isSpecial = (id: number) => model.pieces[id]?.type === PieceType.control;
  const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
  // The decoder gives well-formed strings, which is what the library needs.
  const encodeText = isCacheable(model)
    ? cachedEncoding((part) => processor.encodeIds(part), model.addDummyPrefix)
    : (text: string) => processor.encodeIds(text);
  const encode = (input: Uint8Array) => {
    const ids = Uint32Array.from(encodeText(utf8.decode(input)));
    // A library that breaks its word must not spoil a token file.
    const wrong = ids.find((id) => id >= model.pieces.length);
    if (wrong === undefined) return ids;
    throw new CodekilnError(`sentencepiece gave the id ${wrong}`, {
      where: name,
      expected: `0 to ${model.pieces.length - 1}`,
    });
  };
  return {
    vocabSize: model.pieces.length,
    eosId: model.eosId,
    name,
    fingerprint: hex(await crypto.subtle.digest("SHA-256", bytes)),
    seed: null,
    encode(input, { parseSpecial = false } = {}) {
      if (!parseSpecial) return encode(input);
      throw new UserError("a sentencepiece model does not find control pieces in text", {
        where: name,
        hint: "encode without parsing special tokens",
      });
    },
    encodeInto(input, ids, at = 0) {
      if (ids.length - at < input.length) throw new RangeError("there must be room for an id for every byte");
      const encoded = encode(input);
      ids.set(encoded, at);
      return encoded.length;
    },
    textRoom: () => null,
    decode: (ids, { skipSpecial = false } = {}) => {
      const parts: Uint8Array[] = [];
      let atStart = model.addDummyPrefix;
      for (let i = 0; i < ids.length; i++) {
        let part = table[ids[i]] ?? REPLACEMENT;
        if (isSpecial(ids[i])) {
          if (!skipSpecial) parts.push(part);
          continue;
        }
        if (atStart && part[0] === 0x20) part = part.subarray(1);
        atStart = false;
        parts.push(part);
      }
      return concatenate(parts);
    },
    byteLength: (id) => isSpecial(id) ? 0 : table[id]?.length ?? 0,
    save: (directory) => writeFiles(directory, { "tokenizer.model": bytes }),
  };
}

const REPLACEMENT = new TextEncoder().encode("\ufffd");

/** The bytes of every piece: `▁` is a space, byte pieces are their byte, the unknown piece is sentencepiece's ` ⁇ `. */
function decodingTable(model: SentencePieceModel): Uint8Array[] {
  const utf8 = new TextEncoder();
  return model.pieces.map(({ text, type }) => {
    if (type === PieceType.byte) return Uint8Array.of(parseInt(text.slice(3, 5), 16));
    if (type === PieceType.unknown) return utf8.encode(" \u2047 ");
    return utf8.encode(type === PieceType.control ? text : text.replaceAll("\u2581", " "));
  });
}

function concatenate(parts: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

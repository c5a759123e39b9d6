/**
 * Reads what codekiln needs of a sentencepiece .model, a protobuf message `ModelProto`: field 1, repeated pieces
 * {1 text, 2 score, 3 type}; field 2 the trainer's settings {3 kind of model, 24 white space as suffix, 35 byte fallback, 47 end
 * piece}; field 3 the normalizer's {2 map of characters, 3 dummy prefix, 4 remove extra white space, 5 escape white space}.
 * Everything is checked, since the library takes a damaged file without an error.
 */

import { FormatError, UserError } from "../errors.ts";
import { END_OF_TEXT, MAX_VOCABULARY } from "./vocabulary.ts";

/** Types of pieces, as in sentencepiece_model.proto. */
export const PieceType = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

export interface SentencePieceModel {
  readonly pieces: readonly { readonly text: string; readonly type: number }[];
  readonly eosId: number | null;
  /** Whether a space is put before every text (and taken away when decoding). */
  readonly addDummyPrefix: boolean;
  /** 1 unigram, 2 BPE, 3 words, 4 characters. */
  readonly modelType: number;
  /** Whether anything but the space's own sign is done to the text before it is cut up. */
  readonly normalizes: boolean;
  /** Whether characters without a piece become bytes, not the unknown piece. */
  readonly byteFallback: boolean;
}

interface Field {
  number: number;
  value: number | Uint8Array;
}

/** @throws {FormatError} where the bytes are no such message. */
export function parseSentencePieceModel(bytes: Uint8Array, where: string): SentencePieceModel {
  const pieces: { text: string; type: number }[] = [];
  let addDummyPrefix = true;
  let eosPiece = "</s>";
  let modelType = 1;
  let byteFallback = false;
  const normalizer = { charsMap: 0, removesSpaces: true, escapesSpaces: true };
  const parts = new Set<number>();
  for (const field of fields(bytes, where)) {
    if (!(field.value instanceof Uint8Array)) continue;
    parts.add(field.number);
    if (field.number === 1) pieces.push(parsePiece(field.value, `${where}, piece ${pieces.length}`));
    if (field.number === 2) {
      for (const { number, value } of fields(field.value, where)) {
        if (number === 47 && value instanceof Uint8Array) eosPiece = utf8(value, where);
        if (number === 3 && typeof value === "number") modelType = value;
        if (number === 35 && typeof value === "number") byteFallback = value !== 0;
        if (number === 24 && value === 1) {
          throw new UserError("a sentencepiece model with white space as suffix is not supported", { where });
        }
      }
    }
    if (field.number === 3) {
      for (const { number, value } of fields(field.value, where)) {
        if (number === 2 && value instanceof Uint8Array) normalizer.charsMap = value.length;
        if (number === 3 && typeof value === "number") addDummyPrefix = value !== 0;
        if (number === 4 && typeof value === "number") normalizer.removesSpaces = value !== 0;
        if (number === 5 && typeof value === "number") normalizer.escapesSpaces = value !== 0;
      }
    }
  }
  if (pieces.length === 0 || pieces.length > MAX_VOCABULARY) {
    throw new FormatError(`the model has ${pieces.length} pieces`, { where, expected: "a sentencepiece .model" });
  }
  // They come last, so a model cut off between two pieces is found out.
  if (!parts.has(2) || !parts.has(3)) {
    throw new FormatError("the model's settings are missing: it is cut off", {
      where,
      expected: "a whole .model file",
    });
  }
  const special = (text: string) =>
    pieces.findIndex((piece) =>
      piece.text === text && (piece.type === PieceType.control || piece.type === PieceType.userDefined)
    );
  const eosId = [special(END_OF_TEXT), special(eosPiece)].find((id) => id >= 0) ?? null;
  const normalizes = normalizer.charsMap > 0 || normalizer.removesSpaces || !normalizer.escapesSpaces;
  return { pieces, eosId, addDummyPrefix, modelType, normalizes, byteFallback };
}

function parsePiece(bytes: Uint8Array, where: string): { text: string; type: number } {
  let text: string | null = null;
  let type: number = PieceType.normal;
  for (const { number, value } of fields(bytes, where)) {
    if (number === 1 && value instanceof Uint8Array) text = utf8(value, where);
    if (number === 3 && typeof value === "number") type = value;
  }
  if (text === null || type < PieceType.normal || type > PieceType.byte) {
    throw new FormatError("a piece has no text or an unknown type", { where, expected: "a sentencepiece .model" });
  }
  if (type === PieceType.byte && !/^<0x[0-9A-F]{2}>$/.test(text)) {
    throw new FormatError(`the byte piece ${JSON.stringify(text)} names no byte`, {
      where,
      expected: "<0x00> to <0xFF>",
    });
  }
  return { text, type };
}

/** The fields of a protobuf message. Numbers are given for varints; fixed-size values are given as their bytes. */
function* fields(bytes: Uint8Array, where: string): Iterable<Field> {
  let at = 0;
  const broken = (what: string) =>
    new FormatError(`${what} at byte ${at} of a message`, { where, expected: "a sentencepiece .model" });
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (at >= bytes.length) throw broken("the data ends");
      const byte = bytes[at++];
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    throw broken("there is a number of more than 64 bits");
  };
  while (at < bytes.length) {
    const tag = varint();
    const wire = tag % 8;
    const number = Math.floor(tag / 8);
    if (number === 0) throw broken("there is no field number");
    if (wire === 0) {
      yield { number, value: varint() };
      continue;
    }
    const length = wire === 2 ? varint() : wire === 5 ? 4 : wire === 1 ? 8 : -1;
    if (length < 0) throw broken(`there is an unknown wire type ${wire}`);
    if (at + length > bytes.length) throw broken("the data ends");
    yield { number, value: bytes.subarray(at, at + length) };
    at += length;
  }
}

function utf8(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new FormatError("a text of the model is not UTF-8", { where, cause });
  }
}

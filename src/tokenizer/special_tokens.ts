/**
 * Special tokens that are spelled out in text. They are ordinary text unless a caller asks for them, because a document
 * about `<|endoftext|>` must not end there. Asked for, they are found like in Hugging Face's tokenizers: the leftmost first,
 * of several that start there the longest; the text between them is encoded by itself.
 */

import { UserError } from "../errors.ts";
import type { Vocabulary } from "./vocabulary.ts";

interface SpecialToken {
  readonly id: number;
  readonly bytes: Uint8Array;
}

/**
 * Makes the encoder that knows special tokens.
 * @param encode Encodes text without any.
 * @param name The tokenizer's name, for messages.
 */
export function createSpecialEncoder(
  vocabulary: Vocabulary,
  encode: (utf8: Uint8Array) => Uint32Array,
  name: string,
): (utf8: Uint8Array) => Uint32Array {
  const byFirstByte: SpecialToken[][] = Array.from({ length: 256 }, () => []);
  for (const id of vocabulary.special) {
    const bytes = vocabulary.tokens[id];
    if (bytes !== null && bytes.length > 0) byFirstByte[bytes[0]].push({ id, bytes });
  }
  for (const tokens of byFirstByte) tokens.sort((a, b) => b.bytes.length - a.bytes.length);
  const starts = Uint8Array.from(byFirstByte, (tokens) => tokens.length > 0 ? 1 : 0);

  return (utf8) => {
    const [strange] = vocabulary.strippingSpecial ?? [];
    if (strange !== undefined) {
      const text = new TextDecoder().decode(vocabulary.tokens[strange] ?? undefined);
      throw new UserError(
        `the special token ${JSON.stringify(text)} takes the white space beside it, or whole words only`,
        {
          where: name,
          expected: "special tokens that stand for themselves alone",
          hint: "encode without parsing special tokens",
        },
      );
    }
    const parts: Uint32Array[] = [];
    let done = 0;
    for (let at = 0; at < utf8.length; at++) {
      if (starts[utf8[at]] === 0) continue;
      const token = byFirstByte[utf8[at]].find(({ bytes }) => matches(utf8, at, bytes));
      if (token === undefined) continue;
      if (at > done) parts.push(encode(utf8.subarray(done, at)));
      parts.push(Uint32Array.of(token.id));
      done = at + token.bytes.length;
      at = done - 1;
    }
    if (done < utf8.length) parts.push(encode(utf8.subarray(done)));
    return concatenate(parts);
  };
}

function matches(text: Uint8Array, at: number, bytes: Uint8Array): boolean {
  if (at + bytes.length > text.length) return false;
  for (let i = 0; i < bytes.length; i++) if (text[at + i] !== bytes[i]) return false;
  return true;
}

function concatenate(parts: readonly Uint32Array[]): Uint32Array {
  const ids = new Uint32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    ids.set(part, at);
    at += part.length;
  }
  return ids;
}

/** Text from ids as they are made: a character whose bytes are spread over several tokens is held back until it is whole. */

import type { Tokenizer } from "./tokenizer.ts";

export interface StreamDecoder {
  /** The text that these further ids complete; may be empty. */
  push(ids: ArrayLike<number>): string;
  /** The rest: U+FFFD where the last character stayed incomplete. The decoder can then be used for a new text. */
  finish(): string;
}

/**
 * Decodes ids to text step by step; all that `push` and `finish` return, joined, is the text of all ids.
 * @param options.skipSpecial Leave special tokens out of the text.
 */
export function createStreamDecoder(tokenizer: Tokenizer, options: { skipSpecial?: boolean } = {}): StreamDecoder {
  const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
  let last: number[] = []; // a sentencepiece drops its space where a text starts, so ids are decoded after the one before
  return {
    push(ids) {
      if (ids.length === 0) return "";
      const known = tokenizer.decode(last, options).length;
      const bytes = tokenizer.decode([...last, ...Array.from(ids)], options).subarray(known);
      last = [ids[ids.length - 1]];
      return utf8.decode(bytes, { stream: true });
    },
    finish() {
      last = [];
      return utf8.decode();
    },
  };
}

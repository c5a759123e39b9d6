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
  return {
    push: (ids) => utf8.decode(tokenizer.decode(ids, options), { stream: true }),
    finish: () => utf8.decode(),
  };
}

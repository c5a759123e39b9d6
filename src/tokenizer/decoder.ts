/** From ids back to bytes, by a table of every token's bytes. */

import type { Vocabulary } from "./vocabulary.ts";

/** U+FFFD as UTF-8: what an id without a token decodes to. */
const REPLACEMENT = Uint8Array.of(0xef, 0xbf, 0xbd);

export interface Decoder {
  decode(ids: ArrayLike<number>, options?: { skipSpecial?: boolean }): Uint8Array<ArrayBuffer>;
  byteLength(id: number): number;
}

/** Decodes ids of a vocabulary. Ids that no token has become U+FFFD, so that they are seen and nothing stops. */
export function createDecoder(vocabulary: Vocabulary): Decoder {
  const { tokens, special } = vocabulary;
  const none = new Uint8Array(0);
  const bytesOf = (id: number, skipSpecial: boolean): Uint8Array => {
    const token = tokens[id];
    if (token === undefined || token === null) return REPLACEMENT;
    return skipSpecial && special.has(id) ? none : token;
  };
  return {
    decode(ids, { skipSpecial = false } = {}) {
      let size = 0;
      for (let i = 0; i < ids.length; i++) size += bytesOf(ids[i], skipSpecial).length;
      const bytes = new Uint8Array(size);
      let at = 0;
      for (let i = 0; i < ids.length; i++) {
        const token = bytesOf(ids[i], skipSpecial);
        bytes.set(token, at);
        at += token.length;
      }
      return bytes;
    },
    byteLength: (id) => special.has(id) ? 0 : tokens[id]?.length ?? 0,
  };
}

/** The inner loops over JSON strings: four bytes at a time by arithmetic on one word. */

const BACKSLASH = 92;

/** What a one-letter escape stands for, by its letter; 0 where there is none. */
export const ESCAPES = new Uint8Array(256);
for (const [letter, value] of Object.entries({ '"': 34, "\\": 92, "/": 47, b: 8, f: 12, n: 10, r: 13, t: 9 })) {
  ESCAPES[letter.charCodeAt(0)] = value;
}

/**
 * Marks, by their highest bit, the bytes of a little-endian word that are quotes, backslashes or control characters.
 * Above the lowest mark there may be false ones.
 */
export function specialBytes(word: number): number {
  const quote = word ^ 0x22222222;
  const backslash = word ^ 0x5c5c5c5c;
  return (((quote - 0x01010101) & ~quote) | ((backslash - 0x01010101) & ~backslash) | ((word - 0x20202020) & ~word)) &
    0x80808080;
}

/** Which of four bytes, from 0, is the first that `specialBytes` marked. */
export function firstSpecial(special: number): number {
  return (31 - Math.clz32(special & -special)) >> 3;
}

/** Where `copyEasyPart` is: in the source, in the target; `seen` has every bit that any byte copied so far has, and perhaps more. */
export interface Cursor {
  from: number;
  to: number;
  seen: number;
}

export type CopyEasyPart = typeof copyEasyPart;

/**
 * Copies plain characters and short escapes up to the first thing that needs thought: the closing quote, \u, a fault,
 * or the last few bytes. Apart from the rest, with all it needs as arguments, it is half as fast again.
 */
export function copyEasyPart(
  source: Uint8Array,
  sourceView: DataView,
  end: number,
  target: Uint8Array,
  targetView: DataView,
  cursor: Cursor,
): void {
  let i = cursor.from;
  let o = cursor.to;
  let seen = cursor.seen;
  const lastWord = end - 4;
  while (i <= lastWord) {
    const word = sourceView.getInt32(i, true);
    targetView.setInt32(o, word, true);
    seen |= word;
    const special = specialBytes(word);
    if (special === 0) {
      i += 4;
      o += 4;
      continue;
    }
    const plain = firstSpecial(special);
    i += plain;
    o += plain;
    if (i >= lastWord || source[i] !== BACKSLASH) break;
    const value = ESCAPES[source[i + 1]];
    if (value === 0) break;
    target[o++] = value;
    i += 2;
  }
  cursor.from = i;
  cursor.to = o;
  cursor.seen = seen;
}

/** Writes a code point that is no surrogate; returns the place behind it. */
export function putUtf8(code: number, target: Uint8Array, at: number): number {
  if (code < 0x80) {
    target[at] = code;
    return at + 1;
  }
  if (code < 0x800) {
    target[at] = 0xc0 | (code >> 6);
    target[at + 1] = 0x80 | (code & 63);
    return at + 2;
  }
  if (code < 0x10000) {
    target[at] = 0xe0 | (code >> 12);
    target[at + 1] = 0x80 | ((code >> 6) & 63);
    target[at + 2] = 0x80 | (code & 63);
    return at + 3;
  }
  target[at] = 0xf0 | (code >> 18);
  target[at + 1] = 0x80 | ((code >> 12) & 63);
  target[at + 2] = 0x80 | ((code >> 6) & 63);
  target[at + 3] = 0x80 | (code & 63);
  return at + 4;
}

/**
 * GPT-2's pre-tokenization as a state machine over UTF-8 bytes. It cuts text exactly where the pattern
 * `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+` does in Hugging Face's tokenizers, where
 * `\s` is Unicode White_Space. Every byte belongs to exactly one piece; bytes that are not well-formed UTF-8 are
 * characters of their own, neither letter, number nor space.
 *
 * Method: the first character's class chooses the alternative; a run is followed while the class stays the same.
 */

import runs from "./unicode_classes.bin" with { type: "bytes" };

const OTHER = 0;
const WHITE_SPACE = 3;
const SPACE = 0x20;
const APOSTROPHE = 0x27;

/** Class of every code point, four to a byte (written by tasks/unicode_classes.ts). */
const CLASSES = expandRuns(runs);
/** Classes of U+0000 to U+007F, one to a byte. */
const ASCII = Uint8Array.from({ length: 128 }, (_, codePoint) => classOfCodePoint(codePoint));

function expandRuns(encoded: Uint8Array): Uint8Array {
  const table = new Uint8Array(0x110000 / 4);
  let codePoint = 0;
  for (let i = 0; i < encoded.length;) {
    let value = 0;
    for (let shift = 0;; shift += 7) {
      const byte = encoded[i++];
      value |= (byte & 127) << shift;
      if (byte < 128) break;
    }
    const end = codePoint + (value >>> 2);
    for (; codePoint < end; codePoint++) table[codePoint >>> 2] |= (value & 3) << ((codePoint & 3) << 1);
  }
  return table;
}

function classOfCodePoint(codePoint: number): number {
  return (CLASSES[codePoint >>> 2] >>> ((codePoint & 3) << 1)) & 3;
}

/**
 * Class and length in bytes of the multi-byte character at `at`, as `length * 4 + class`.
 * A byte that starts no well-formed character counts as one character of class other.
 */
function wideCharacter(text: Uint8Array, at: number, end: number): number {
  const lead = text[at];
  const left = end - at;
  if (lead >= 0xc2 && lead < 0xe0) {
    if (left < 2) return 4;
    const second = text[at + 1];
    if ((second & 0xc0) !== 0x80) return 4;
    return 8 + classOfCodePoint((lead & 0x1f) << 6 | (second & 0x3f));
  }
  if (lead >= 0xe0 && lead < 0xf0) {
    if (left < 3) return 4;
    const second = text[at + 1];
    const third = text[at + 2];
    if ((second & 0xc0) !== 0x80 || (third & 0xc0) !== 0x80) return 4;
    const codePoint = (lead & 0x0f) << 12 | (second & 0x3f) << 6 | (third & 0x3f);
    if (codePoint < 0x800 || (codePoint >= 0xd800 && codePoint < 0xe000)) return 4;
    return 12 + classOfCodePoint(codePoint);
  }
  if (lead >= 0xf0 && lead < 0xf5) {
    if (left < 4) return 4;
    const second = text[at + 1];
    const third = text[at + 2];
    const fourth = text[at + 3];
    if ((second & 0xc0) !== 0x80 || (third & 0xc0) !== 0x80 || (fourth & 0xc0) !== 0x80) return 4;
    const codePoint = (lead & 0x07) << 18 | (second & 0x3f) << 12 | (third & 0x3f) << 6 | (fourth & 0x3f);
    if (codePoint < 0x10000 || codePoint > 0x10ffff) return 4;
    return 16 + classOfCodePoint(codePoint);
  }
  return 4;
}

/** `length * 4 + class` of the character at `at`. */
function characterAt(text: Uint8Array, at: number, end: number): number {
  const byte = text[at];
  return byte < 128 ? 4 + ASCII[byte] : wideCharacter(text, at, end);
}

/** Where a run of characters of one class ends. */
function runEnd(text: Uint8Array, at: number, end: number, wanted: number): number {
  while (at < end) {
    const byte = text[at];
    if (byte < 128) {
      if (ASCII[byte] !== wanted) return at;
      at++;
    } else {
      const wide = wideCharacter(text, at, end);
      if ((wide & 3) !== wanted) return at;
      at += wide >>> 2;
    }
  }
  return at;
}

/** Length of `'s 't 'm 'd 're 've 'll` at an apostrophe, or 0. */
function contractionLength(text: Uint8Array, at: number, end: number): number {
  if (at + 1 >= end) return 0;
  const second = text[at + 1];
  if (second === 0x73 || second === 0x74 || second === 0x6d || second === 0x64) return 2;
  if (at + 2 >= end) return 0;
  const third = text[at + 2];
  if ((second === 0x72 || second === 0x76) && third === 0x65) return 3;
  if (second === 0x6c && third === 0x6c) return 3;
  return 0;
}

/** End of a piece that starts with white space that is not a single space before something else. */
function whiteSpaceEnd(text: Uint8Array, start: number, end: number): number {
  let at = start;
  let last = start; // start of the last white-space character seen
  while (at < end) {
    const character = characterAt(text, at, end);
    if ((character & 3) !== WHITE_SPACE) break;
    last = at;
    at += character >>> 2;
  }
  // `\s+(?!\S)` gives back one character before a non-space; `\s+` takes a lone one all the same.
  return at === end || last === start ? at : last;
}

/**
 * Where the piece that starts at `start` ends.
 * @param text UTF-8.
 * @param start Start of a piece, below `end`.
 * @param end End of the text.
 */
export function pieceEnd(text: Uint8Array, start: number, end: number): number {
  const first = text[start];
  if (first === SPACE) {
    if (start + 1 === end) return end;
    const next = characterAt(text, start + 1, end);
    if ((next & 3) === WHITE_SPACE) return whiteSpaceEnd(text, start, end);
    return runEnd(text, start + 1 + (next >>> 2), end, next & 3);
  }
  if (first < 128) {
    const kind = ASCII[first];
    if (kind === WHITE_SPACE) return whiteSpaceEnd(text, start, end);
    if (kind === OTHER && first === APOSTROPHE) {
      const length = contractionLength(text, start, end);
      if (length > 0) return start + length;
    }
    return runEnd(text, start + 1, end, kind);
  }
  const character = wideCharacter(text, start, end);
  if ((character & 3) === WHITE_SPACE) return whiteSpaceEnd(text, start, end);
  return runEnd(text, start + (character >>> 2), end, character & 3);
}

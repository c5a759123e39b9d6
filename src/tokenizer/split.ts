/**
 * Pre-tokenization as state machines over UTF-8 bytes, one for each pattern of patterns.ts. Every byte belongs to exactly
 * one piece. What a piece is depends on nothing before its start.
 *
 * `gpt2` cuts where `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+` does in Hugging Face's
 * tokenizers. Method: the first character's class chooses the alternative; a run is followed while the class stays.
 */

import { ASCII, characterAt, LETTER, NUMBER, OTHER, runEnd, WHITE_SPACE, wideCharacter } from "./characters.ts";
import type { PatternName } from "./patterns.ts";

const SPACE = 0x20;
const APOSTROPHE = 0x27;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * Where the piece that starts at `start` ends.
 * @param text UTF-8.
 * @param start Start of a piece, below `end`.
 * @param end End of the text.
 */
export type PieceEnd = (text: Uint8Array, start: number, end: number) => number;

/**
 * The splitter of a pattern.
 * @example
 * ```ts
 * import { createSplitter } from "./split.ts";
 * const pieceEnd = createSplitter("digits");
 * const text = new TextEncoder().encode("x = 12");
 * const pieces: string[] = [];
 * for (let start = 0, stop = 0; start < text.length; start = stop) {
 *   stop = pieceEnd(text, start, text.length);
 *   pieces.push(new TextDecoder().decode(text.subarray(start, stop)));
 * }
 * console.log(pieces); // ["x", " =", " ", "1", "2"]
 * ```
 */
export function createSplitter(pattern: PatternName): PieceEnd {
  switch (pattern) {
    case "gpt2":
      return pieceEnd;
    case "digits":
      return digitsPieceEnd;
    case "code":
      return codePieceEnd;
  }
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

/** The `gpt2` pattern. */
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

/** The `digits` pattern: text between number characters is cut as GPT-2 would if there were nothing else. */
function digitsPieceEnd(text: Uint8Array, start: number, end: number): number {
  const character = characterAt(text, start, end);
  const kind = character & 3;
  const after = start + (character >>> 2);
  if (kind === NUMBER || after === end) return after;
  if (kind === WHITE_SPACE) {
    const next = characterAt(text, after, end);
    if (text[start] === SPACE && (next & 3) !== WHITE_SPACE) {
      return (next & 3) === NUMBER ? after : runEnd(text, after + (next >>> 2), end, next & 3);
    }
    const run = runEnd(text, after, end, WHITE_SPACE);
    const last = whiteSpaceEnd(text, start, end);
    return run < end && (characterAt(text, run, end) & 3) === NUMBER ? run : last;
  }
  if (text[start] === APOSTROPHE) {
    const length = contractionLength(text, start, end);
    if (length > 0) return start + length;
  }
  return runEnd(text, after, end, kind);
}

/** The `code` pattern. */
function codePieceEnd(text: Uint8Array, start: number, end: number): number {
  const character = characterAt(text, start, end);
  const kind = character & 3;
  const after = start + (character >>> 2);
  if (kind === NUMBER || after === end) return after;
  if (kind === LETTER) return runEnd(text, after, end, LETTER);
  if (isLineEnd(text[start])) {
    let at = after;
    while (at < end && isLineEnd(text[at])) at++;
    return at;
  }
  const next = characterAt(text, after, end);
  if (kind === OTHER) return runEnd(text, after, end, (next & 3) === LETTER ? LETTER : OTHER);
  if (text[start] === SPACE && ((next & 3) === LETTER || (next & 3) === OTHER)) {
    return runEnd(text, after + (next >>> 2), end, next & 3);
  }
  let at = after;
  while (at < end && !isLineEnd(text[at])) {
    const space = characterAt(text, at, end);
    if ((space & 3) !== WHITE_SPACE) break;
    at += space >>> 2;
  }
  return at;
}

function isLineEnd(byte: number): boolean {
  return byte === LINE_FEED || byte === CARRIAGE_RETURN;
}

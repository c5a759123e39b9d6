/**
 * The patterns character by character: src/tokenizer/split.ts once more. Only pieces that blocks.ts leaves over come here:
 * long ones, and those at characters beyond ASCII.
 */
import { characterAt, LETTER, NUMBER, OTHER, runEnd, WHITE_SPACE } from "./characters";
import { CODE, DIGITS, GPT2 } from "./layout";

/** Length of `'s 't 'm 'd 're 've 'll` at an apostrophe, or 0. */
export function contractionLength(at: usize, end: usize): u32 {
  if (at + 1 >= end) return 0;
  const second = <u32>load<u8>(at, 1);
  if (second == 0x73 || second == 0x74 || second == 0x6d || second == 0x64) return 2;
  if (at + 2 >= end) return 0;
  const third = <u32>load<u8>(at, 2);
  if ((second == 0x72 || second == 0x76) && third == 0x65) return 3;
  return second == 0x6c && third == 0x6c ? 3 : 0;
}

/** End of a piece that starts with white space that no other alternative takes. */
function whiteSpaceEnd(start: usize, end: usize, pattern: i32): usize {
  let at = start;
  let last = start; // start of the last white-space character seen
  let next: u32 = OTHER;
  while (at < end) {
    const character = characterAt(at, end);
    next = character & 3;
    if (next != WHITE_SPACE) break;
    last = at;
    at += character >>> 2;
  }
  // `\s+(?!\S)` gives back one character before a non-space, unless the text it sees ends there.
  return at == end || last == start || (pattern == DIGITS && next == NUMBER) ? at : last;
}

// @ts-ignore: decorator
@inline
function isLineEnd(at: usize): bool {
  const byte = <u32>load<u8>(at);
  return byte == 0x0a || byte == 0x0d;
}

/** Where the piece that starts at `start` (below `end`) ends. */
export function pieceEnd(start: usize, end: usize, pattern: i32): usize {
  const character = characterAt(start, end);
  const kind = character & 3;
  const after = start + (character >>> 2);
  const first = <u32>load<u8>(start);
  if (after == end || (kind == NUMBER && pattern != GPT2)) return after;
  if (first == 0x20) {
    const next = characterAt(after, end);
    const nextKind = next & 3;
    if (nextKind == NUMBER && pattern != GPT2) return after;
    if (nextKind != WHITE_SPACE) return runEnd(after + (next >>> 2), end, nextKind);
  }
  if (pattern == CODE) return codePieceEnd(start, after, end, kind);
  if (kind == WHITE_SPACE) return whiteSpaceEnd(start, end, pattern);
  if (first == 0x27) {
    const length = contractionLength(start, end);
    if (length > 0) return start + length;
  }
  return runEnd(after, end, kind);
}

/** The rest of the `code` pattern: no number, no space before a word or signs, not the end of the text. */
function codePieceEnd(start: usize, after: usize, end: usize, kind: u32): usize {
  if (kind == LETTER) return runEnd(after, end, LETTER);
  if (kind == OTHER) return runEnd(after, end, (characterAt(after, end) & 3) == LETTER ? LETTER : OTHER);
  let at = after;
  if (isLineEnd(start)) {
    while (at < end && isLineEnd(at)) at++;
    return at;
  }
  while (at < end && !isLineEnd(at)) {
    const space = characterAt(at, end);
    if ((space & 3) != WHITE_SPACE) break;
    at += space >>> 2;
  }
  return at;
}

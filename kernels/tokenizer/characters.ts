/** Classes of characters in UTF-8, byte by byte: src/tokenizer/characters.ts once more. */
import { CLASSES } from "./layout";

export const OTHER: u32 = 0;
export const LETTER: u32 = 1;
export const NUMBER: u32 = 2;
export const WHITE_SPACE: u32 = 3;

// @ts-ignore: decorator
@inline
function classOf(codePoint: u32): u32 {
  return (<u32>load<u8>(<usize>CLASSES + (codePoint >>> 2)) >>> ((codePoint & 3) << 1)) & 3;
}

/** `length * 4 + class` of the character at `at`, which is below `end`. */
export function characterAt(at: usize, end: usize): u32 {
  const lead = <u32>load<u8>(at);
  if (lead < 128) return 4 + classOf(lead);
  const left = end - at;
  if (lead < 0xc2 || left < 2) return 4;
  const second = <u32>load<u8>(at, 1);
  if ((second & 0xc0) != 0x80) return 4;
  if (lead < 0xe0) return 8 + classOf(((lead & 0x1f) << 6) | (second & 0x3f));
  if (left < 3) return 4;
  const third = <u32>load<u8>(at, 2);
  if ((third & 0xc0) != 0x80) return 4;
  if (lead < 0xf0) {
    const codePoint = ((lead & 0x0f) << 12) | ((second & 0x3f) << 6) | (third & 0x3f);
    if (codePoint < 0x800 || (codePoint >= 0xd800 && codePoint < 0xe000)) return 4;
    return 12 + classOf(codePoint);
  }
  if (lead > 0xf4 || left < 4) return 4;
  const fourth = <u32>load<u8>(at, 3);
  if ((fourth & 0xc0) != 0x80) return 4;
  const codePoint = ((lead & 0x07) << 18) | ((second & 0x3f) << 12) | ((third & 0x3f) << 6) | (fourth & 0x3f);
  if (codePoint < 0x10000 || codePoint > 0x10ffff) return 4;
  return 16 + classOf(codePoint);
}

/** Where a run of characters of one class ends. */
export function runEnd(at: usize, end: usize, wanted: u32): usize {
  while (at < end) {
    const character = characterAt(at, end);
    if ((character & 3) != wanted) break;
    at += character >>> 2;
  }
  return at;
}

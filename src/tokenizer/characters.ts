/**
 * Classes of characters in UTF-8: letter, number, white space, other. The table is the project's own (written by
 * tasks/unicode_classes.ts), so that no update of a runtime's Unicode data changes ids. A byte that starts no well-formed
 * character is a character of its own, of class other.
 */

import runs from "./unicode_classes.bin" with { type: "bytes" };

export const OTHER = 0;
export const LETTER = 1;
export const NUMBER = 2;
export const WHITE_SPACE = 3;

/** The classes of all code points as runs; tasks/unicode_classes.ts has the format. */
export const CLASS_RUNS: Readonly<Uint8Array<ArrayBuffer>> = runs;

let table: Uint8Array<ArrayBuffer> | null = null;

/** Class of every code point, two bits each, four to a byte from the lowest bits up. */
export function classTable(): Readonly<Uint8Array<ArrayBuffer>> {
  return table ??= expandRuns(runs, 0x110000);
}

/** Classes of U+0000 to U+007F, one to a byte. */
export const ASCII: Readonly<Uint8Array<ArrayBuffer>> = asciiClasses();

function asciiClasses(): Uint8Array<ArrayBuffer> {
  const classes = expandRuns(runs, 128);
  return Uint8Array.from({ length: 128 }, (_, codePoint) => classIn(classes, codePoint));
}

/** The first `count` code points of a table that is stored as runs. */
function expandRuns(encoded: Uint8Array, count: number): Uint8Array<ArrayBuffer> {
  const classes = new Uint8Array(count / 4);
  let codePoint = 0;
  for (let i = 0; codePoint < count;) {
    let value = 0;
    for (let shift = 0;; shift += 7) {
      const byte = encoded[i++];
      value |= (byte & 127) << shift;
      if (byte < 128) break;
    }
    const end = Math.min(count, codePoint + (value >>> 2));
    // Four code points at a time where a whole byte is of one class: some runs are very long.
    while (codePoint < end) {
      if ((codePoint & 3) === 0 && end - codePoint >= 4) {
        const last = end >>> 2;
        classes.fill((value & 3) * 0x55, codePoint >>> 2, last);
        codePoint = last << 2;
      } else {
        classes[codePoint >>> 2] |= (value & 3) << ((codePoint & 3) << 1);
        codePoint++;
      }
    }
  }
  return classes;
}

function classIn(classes: Uint8Array, codePoint: number): number {
  return (classes[codePoint >>> 2] >>> ((codePoint & 3) << 1)) & 3;
}

function classOfCodePoint(codePoint: number): number {
  return classIn(classTable(), codePoint);
}

/**
 * Class and length in bytes of the multi-byte character at `at`, as `length * 4 + class`.
 * A byte that starts no well-formed character counts as one character of class other.
 */
export function wideCharacter(text: Uint8Array, at: number, end: number): number {
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
export function characterAt(text: Uint8Array, at: number, end: number): number {
  const byte = text[at];
  return byte < 128 ? 4 + ASCII[byte] : wideCharacter(text, at, end);
}

/** Where a run of characters of one class ends. */
export function runEnd(text: Uint8Array, at: number, end: number, wanted: number): number {
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

/**
 * Strict JSON (RFC 8259) of one object, read straight from its bytes: one string is unescaped into a buffer of the
 * caller's as UTF-8, a few others become short strings, everything else is only checked. No JS string is made of the text.
 *
 * As with JSON.parse, keys may come in any order, and of a key that stands twice the last value counts; unlike it
 * (V8 15 reads some keys wrongly, see docs/log.md) keys are compared as bytes. Plain characters are looked at and copied
 * four at a time. Bytes above 127 within strings are passed on as they are: whether they are UTF-8 is the caller's to ask.
 */
import {
  type CopyEasyPart,
  copyEasyPart,
  type Cursor,
  ESCAPES,
  firstSpecial,
  putUtf8,
  specialBytes,
} from "./json_strings.ts";

/** What `read` found of one object. */
export interface JsonObjectFields {
  /** Whether the value of the text key is a string, something else, or not there. */
  text: "string" | "other" | "absent";
  /** Bytes of text, written to the caller's buffer. */
  textBytes: number;
  /** False where all bytes of the text above 127 came from escapes; otherwise they may not be UTF-8. */
  mayBeMalformed: boolean;
  /** Whether an escape in the text stands for half of a surrogate pair; U+FFFD was written in its place. */
  loneSurrogates: boolean;
  /** The strings of the other keys, in the order in which they were asked for; null where there is no string. */
  others: (string | null)[];
}

export interface JsonObjectReader {
  /**
   * Reads the object that is all of `bytes` from `start` to `end`, white space aside.
   * @param out Takes the text from `outAt` on. It must have `end - start` bytes of room there, all of which may be
   * written to, and none of which may be of the object.
   * @returns The same object at every call.
   * @throws what `fail` makes of a fault and its place (an index of `bytes`).
   */
  read(bytes: Uint8Array, start: number, end: number, out: Uint8Array, outAt: number): JsonObjectFields;
}

const MAX_DEPTH = 1000;
const QUOTE = 34;
const BACKSLASH = 92;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * A reader for objects with these keys.
 * @param fail Makes the error for what is wrong at an index of the bytes.
 * @param copyText Stands in for `copyEasyPart` where text goes from `bytes` to `out`.
 */
export function createJsonObjectReader(
  textKey: string,
  otherKeys: readonly string[],
  fail: (what: string, at: number) => Error,
  copyText: CopyEasyPart = copyEasyPart,
): JsonObjectReader {
  const wanted = [textKey, ...otherKeys].map((key) => encoder.encode(key));
  const fields: JsonObjectFields = {
    text: "absent",
    textBytes: 0,
    mayBeMalformed: false,
    loneSurrogates: false,
    others: otherKeys.map(() => null),
  };
  let bytes: Uint8Array = new Uint8Array(0);
  let view: DataView = new DataView(bytes.buffer);
  let out = bytes;
  let outView = view;
  let scratch = new Uint8Array(256);
  let scratchView = new DataView(scratch.buffer);
  let end = 0;
  // Second results of `unescape` and `skipString`.
  const cursor: Cursor = { from: 0, to: 0, seen: 0 };
  let written = 0;
  let high = false;
  let lone = false;
  let escaped = false;

  const early = (at: number): Error => fail("the text ends early", Math.min(at, end));
  const control = (at: number): Error =>
    fail(`a control character (${bytes[at]}) in a string; JSON wants it as an escape`, at);

  function hex4(at: number): number {
    if (at + 4 > end) throw early(end);
    let value = 0;
    for (let i = at; i < at + 4; i++) {
      const byte = bytes[i];
      const letter = byte | 32;
      const digit = byte >= 48 && byte <= 57 ? byte - 48 : letter >= 97 && letter <= 102 ? letter - 87 : -1;
      if (digit < 0) throw fail("a \\u escape without four hexadecimal digits", i);
      value = value * 16 + digit;
    }
    return value;
  }

  /** Unescapes the string whose first character is at `at`; returns the place behind its closing quote. */
  function unescape(at: number, target: Uint8Array, targetView: DataView, targetAt: number): number {
    cursor.from = at;
    cursor.to = targetAt;
    cursor.seen = 0;
    lone = false;
    const copy = target === scratch ? copyEasyPart : copyText;
    for (;;) {
      copy(bytes, view, end, target, targetView, cursor);
      let i = cursor.from;
      if (i >= end) throw early(i);
      const byte = bytes[i];
      if (byte === QUOTE) {
        written = cursor.to - targetAt;
        high = (cursor.seen & 0x80808080) !== 0;
        return i + 1;
      }
      if (byte === BACKSLASH) {
        if (i + 1 >= end) throw early(end);
        if (bytes[i + 1] === 117) {
          let code = hex4(i + 2);
          i += 6;
          if (code >= 0xd800 && code <= 0xdfff) {
            const paired = code < 0xdc00 && i + 1 < end && bytes[i] === BACKSLASH && bytes[i + 1] === 117;
            const low = paired ? hex4(i + 2) : 0;
            if (low >= 0xdc00 && low <= 0xdfff) {
              code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
              i += 6;
            } else {
              code = 0xfffd;
              lone = true;
            }
          }
          cursor.to = putUtf8(code, target, cursor.to);
        } else {
          if (ESCAPES[bytes[i + 1]] === 0) throw fail("an unknown escape", i);
          target[cursor.to++] = ESCAPES[bytes[i + 1]];
          i += 2;
        }
      } else {
        if (byte < 32) throw control(i);
        target[cursor.to++] = byte;
        cursor.seen |= byte;
        i++;
      }
      cursor.from = i;
    }
  }

  /** Checks the string whose first character is at `at`; returns the place behind its closing quote. */
  function skipString(at: number): number {
    let i = at;
    escaped = false;
    const source = view;
    const lastWord = end - 4;
    for (;;) {
      while (i <= lastWord) {
        const special = specialBytes(source.getInt32(i, true));
        if (special !== 0) {
          i += firstSpecial(special);
          break;
        }
        i += 4;
      }
      if (i >= end) throw early(i);
      const byte = bytes[i];
      if (byte === QUOTE) return i + 1;
      if (byte === BACKSLASH) {
        escaped = true;
        if (i + 1 >= end) throw early(end);
        const letter = bytes[i + 1];
        if (letter === 117) {
          hex4(i + 2);
          i += 6;
        } else if (ESCAPES[letter] !== 0) i += 2;
        else throw fail("an unknown escape", i);
      } else if (byte < 32) throw control(i);
      else i++;
    }
  }

  function skipSpace(at: number): number {
    let i = at;
    while (i < end) {
      const byte = bytes[i];
      if (byte !== 32 && byte !== 9 && byte !== 13 && byte !== 10) break;
      i++;
    }
    return i;
  }

  function expect(byte: number, at: number): number {
    const i = skipSpace(at);
    if (i >= end) throw early(i);
    if (bytes[i] !== byte) throw fail(`${String.fromCharCode(byte)} is missing`, i);
    return i + 1;
  }

  function digits(at: number): number {
    let i = at;
    while (i < end && bytes[i] >= 48 && bytes[i] <= 57) i++;
    if (i === at) throw i >= end ? early(i) : fail("a digit is missing", i);
    return i;
  }

  function skipNumber(at: number): number {
    let i = bytes[at] === 45 ? at + 1 : at;
    i = i < end && bytes[i] === 48 ? i + 1 : digits(i);
    if (i < end && bytes[i] === 46) i = digits(i + 1);
    if (i < end && (bytes[i] | 32) === 101) {
      i++;
      if (i < end && (bytes[i] === 43 || bytes[i] === 45)) i++;
      i = digits(i);
    }
    return i;
  }

  function skipWord(word: string, at: number): number {
    for (let k = 0; k < word.length; k++) {
      if (at + k >= end) throw early(end);
      if (bytes[at + k] !== word.charCodeAt(k)) throw fail("no JSON value", at);
    }
    return at + word.length;
  }

  /** Checks the value at `at`, which is not white space; returns the place behind it. */
  function skipValue(at: number, depth: number): number {
    if (at >= end) throw early(at);
    if (depth > MAX_DEPTH) throw fail(`nested deeper than ${MAX_DEPTH}`, at);
    switch (bytes[at]) {
      case QUOTE:
        return skipString(at + 1);
      case 123: {
        let i = skipSpace(at + 1);
        if (bytes[i] === 125 && i < end) return i + 1;
        for (;;) {
          i = expect(58, skipString(expect(QUOTE, i)));
          i = skipSpace(skipValue(skipSpace(i), depth + 1));
          if (bytes[i] === 44 && i < end) i++;
          else return expect(125, i);
        }
      }
      case 91: {
        let i = skipSpace(at + 1);
        if (bytes[i] === 93 && i < end) return i + 1;
        for (;;) {
          i = skipSpace(skipValue(skipSpace(i), depth + 1));
          if (bytes[i] === 44 && i < end) i++;
          else return expect(93, i);
        }
      }
      case 116:
        return skipWord("true", at);
      case 102:
        return skipWord("false", at);
      case 110:
        return skipWord("null", at);
      default:
        if (bytes[at] !== 45 && (bytes[at] < 48 || bytes[at] > 57)) throw fail("no JSON value", at);
        return skipNumber(at);
    }
  }

  /** Unescapes a string into the scratch buffer; returns the place behind it. */
  function unescapeToScratch(at: number, rawBytes: number): number {
    if (scratch.length < rawBytes) {
      scratch = new Uint8Array(2 * rawBytes);
      scratchView = new DataView(scratch.buffer);
    }
    return unescape(at, scratch, scratchView, 0);
  }

  /** Which of the wanted keys this string is, its first character at `at`, its closing quote right before `behind`. */
  function keyAt(at: number, behind: number): number {
    let key = bytes;
    let from = at;
    let length = behind - 1 - at;
    if (escaped) {
      unescapeToScratch(at, end - at);
      key = scratch;
      from = 0;
      length = written;
    }
    for (let k = 0; k < wanted.length; k++) {
      const name = wanted[k];
      if (name.length !== length) continue;
      let same = 0;
      while (same < length && key[from + same] === name[same]) same++;
      if (same === length) return k;
    }
    return -1;
  }

  function readField(key: number, at: number, outAt: number): number {
    const isString = at < end && bytes[at] === QUOTE;
    if (key === 0) {
      fields.text = isString ? "string" : "other";
      fields.textBytes = 0;
      fields.mayBeMalformed = false;
      fields.loneSurrogates = false;
      if (!isString) return skipValue(at, 1);
      const behind = unescape(at + 1, out, outView, outAt);
      fields.textBytes = written;
      fields.mayBeMalformed = high;
      fields.loneSurrogates = lone;
      return behind;
    }
    if (key < 0 || !isString) {
      if (key > 0) fields.others[key - 1] = null;
      return skipValue(at, 1);
    }
    const behind = skipString(at + 1);
    let value = bytes.subarray(at + 1, behind - 1);
    if (escaped) {
      unescapeToScratch(at + 1, end - at);
      value = scratch.subarray(0, written);
    }
    fields.others[key - 1] = decoder.decode(value);
    return behind;
  }

  return {
    read(source, start, sourceEnd, target, outAt) {
      if (outAt + sourceEnd - start > target.length) throw new RangeError("the buffer is too small for the text");
      if (bytes !== source) {
        bytes = source;
        view = new DataView(source.buffer, source.byteOffset, source.byteLength);
      }
      if (out !== target) {
        out = target;
        outView = new DataView(target.buffer, target.byteOffset, target.byteLength);
      }
      end = sourceEnd;
      fields.text = "absent";
      fields.textBytes = 0;
      fields.mayBeMalformed = false;
      fields.loneSurrogates = false;
      fields.others.fill(null);

      let i = skipSpace(start);
      if (i >= end) throw early(i);
      if (bytes[i] !== 123) {
        skipValue(i, 0);
        throw fail("not a JSON object", i);
      }
      i = skipSpace(i + 1);
      if (bytes[i] === 125 && i < end) i++;
      else {
        for (;;) {
          const keyStart = expect(QUOTE, i);
          i = skipString(keyStart);
          const key = keyAt(keyStart, i);
          i = skipSpace(readField(key, skipSpace(expect(58, i)), outAt));
          if (bytes[i] === 44 && i < end) i++;
          else break;
        }
        i = expect(125, i);
      }
      i = skipSpace(i);
      if (i < end) throw fail("there is more after the object", i);
      return fields;
    },
  };
}

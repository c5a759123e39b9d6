/**
 * A strict JSON parser for files from anywhere: it refuses a key that stands twice in one object, which JSON.parse merges silently, and
 * tells the place of an error. Objects become Maps, so no key is special.
 *
 * It does not use JSON.parse on objects for one more reason: V8 (15.0 and others, nodejs/node issue 63785) may read the key `"\""` as `\`
 * when an object of the same shape with the key `"\\"` was parsed before.
 */

import { FormatError } from "./errors.ts";
import { reason } from "./files.ts";

export type JsonValue = string | number | boolean | null | JsonValue[] | Map<string, JsonValue>;

const maxDepth = 100;

/**
 * Parses a JSON text (RFC 8259).
 * @param where The file, for messages.
 * @throws {FormatError} where it is not JSON, names a key twice, or nests deeper than 100.
 */
export function parseJson(text: string, where: string): JsonValue {
  let at = 0;
  const fail = (what: string, offset = at) =>
    new FormatError(`not well-formed JSON: ${what}`, { where: `${where}, character ${offset}` });
  const skipSpace = () => {
    for (; at < text.length; at++) {
      const char = text[at];
      if (char !== " " && char !== "\n" && char !== "\r" && char !== "\t") return;
    }
  };
  const expect = (char: string) => {
    skipSpace();
    if (text[at] !== char) throw fail(at < text.length ? `${char} is missing` : "the text ends early");
    at++;
  };
  const next = () => {
    skipSpace();
    return text[at];
  };

  const string = (): string => {
    expect('"');
    const start = at - 1;
    let plain = true;
    for (; text[at] !== '"'; at++) {
      if (at >= text.length) throw fail("a string has no end", start);
      if (text[at] === "\\") at++;
      if (text[at] < " " || text[at - 1] === "\\") plain = false;
    }
    at++;
    if (plain) return text.slice(start + 1, at - 1);
    try {
      return JSON.parse(text.slice(start, at));
    } catch (cause) {
      throw fail(reason(cause), start);
    }
  };
  const number = (): number => {
    const pattern = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
    pattern.lastIndex = at;
    const digits = pattern.exec(text)?.[0];
    if (digits === undefined) throw fail(at < text.length ? "no value" : "the text ends early");
    at += digits.length;
    return Number(digits);
  };
  const literal = (word: string, value: boolean | null) => {
    if (!text.startsWith(word, at)) throw fail("no value");
    at += word.length;
    return value;
  };
  const object = (depth: number): Map<string, JsonValue> => {
    const entries = new Map<string, JsonValue>();
    at++;
    if (next() !== "}") {
      do {
        skipSpace();
        const keyAt = at;
        const key = string();
        if (entries.has(key)) throw fail(`the name ${JSON.stringify(key)} stands twice in one object`, keyAt);
        expect(":");
        entries.set(key, value(depth + 1));
      } while (next() === "," && at++ >= 0);
    }
    expect("}");
    return entries;
  };
  const array = (depth: number): JsonValue[] => {
    const items: JsonValue[] = [];
    at++;
    if (next() !== "]") {
      do items.push(value(depth + 1)); while (next() === "," && at++ >= 0);
    }
    expect("]");
    return items;
  };
  const value = (depth: number): JsonValue => {
    if (depth > maxDepth) throw fail(`nested deeper than ${maxDepth}`);
    switch (next()) {
      case "{":
        return object(depth);
      case "[":
        return array(depth);
      case '"':
        return string();
      case "t":
        return literal("true", true);
      case "f":
        return literal("false", false);
      case "n":
        return literal("null", null);
      default:
        return number();
    }
  };

  const result = value(0);
  skipSpace();
  if (at < text.length) throw fail("there is more after the value");
  return result;
}

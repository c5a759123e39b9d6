import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { createJsonMemory } from "../../src/corpus/json_memory.ts";
import { createJsonObjectReader, type JsonObjectFields } from "../../src/corpus/json_object.ts";
import { bytes, decoder, encoder } from "./support.ts";

Deno.test("lines are parsed in WebAssembly also where others have no room for them", () => {
  for (const room of [null, () => null]) {
    const { source, text } = createJsonMemory(room).load(encoder.encode("{}"));
    strictEqual(source(), text());
  }
  const { source, text } = createJsonMemory(null, "TypeScript").load(encoder.encode("{}"));
  ok(source() !== text());
});

class Fault extends Error {
  constructor(what: string, readonly at: number) {
    super(what);
  }
}

const fault = (what: string, at: number) => new Fault(what, at);
const reader = createJsonObjectReader("text", ["path", "lang"], fault);
const memory = createJsonMemory();
const memoryReader = createJsonObjectReader("text", ["path", "lang"], fault, memory.copyText);

interface Read {
  kind: string;
  text: string;
  others: (string | null)[];
  lone: boolean;
}

/** Reads a line that stands in the middle of other bytes, into the middle of a buffer; in WebAssembly as well, with the same outcome. */
function read(line: string | Uint8Array): Read {
  const raw = typeof line === "string" ? encoder.encode(line) : line;
  const source = bytes('"}]', raw, '"}]\\');
  const inMemory = outcome(() => {
    const { start, end, textStart, ...arrays } = memory.load(source);
    const [all, text] = [arrays.source(), arrays.text()];
    strictEqual(all, text, "WebAssembly was not used");
    const fields = memoryReader.read(all, start + 3, end - 4, text, textStart);
    strictEqual(decoder.decode(all.subarray(start, end)), decoder.decode(source), "the source was written to");
    return readOf(fields, text, textStart);
  }, () => memory.load(source).start);
  const plain = outcome(() => {
    const out = new Uint8Array(raw.length + 9).fill(7);
    const fields = reader.read(source, 3, 3 + raw.length, out, 5);
    ok(out.subarray(0, 5).every((byte) => byte === 7) && out.subarray(-4).every((byte) => byte === 7), "out of bounds");
    return readOf(fields, out, 5);
  }, () => 0);
  deepStrictEqual(inMemory, plain);
  if (plain.fault) throw new Fault(...plain.fault);
  return plain.read!;
}

/** What was read, or the fault and its place behind where the source starts. */
function outcome(action: () => Read, start: () => number): { read?: Read; fault?: [string, number] } {
  try {
    return { read: action() };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { fault: [error.message, error.at - start()] };
  }
}

function readOf(fields: JsonObjectFields, out: Uint8Array, start: number): Read {
  return {
    kind: fields.text,
    text: decoder.decode(out.subarray(start, start + fields.textBytes)),
    others: [...fields.others],
    lone: fields.loneSurrogates,
  };
}

/** What JSON.parse makes of a line, in the same form; null where it is not an object in JSON. */
function oracle(line: string): Read | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const own = new Map<string, unknown>(Object.entries(value));
  const text = own.get("text");
  const string = (key: string) => {
    const field = own.get(key);
    return typeof field === "string" ? field.toWellFormed() : null;
  };
  return {
    kind: typeof text === "string" ? "string" : own.has("text") ? "other" : "absent",
    text: typeof text === "string" ? text.toWellFormed() : "",
    others: [string("path"), string("lang")],
    lone: typeof text === "string" && !text.isWellFormed(),
  };
}

function readOrNull(line: string): Read | null {
  try {
    return read(line);
  } catch (error) {
    if (error instanceof Fault) return null;
    throw error;
  }
}

/** JSON of a value in one of the many ways in which it can be written. */
function jsonOf(value: fc.JsonValue, choice: () => number): string {
  const space = () => ["", "", "", " ", "\t", "\r", "  "][choice() % 7];
  const string = (text: string): string => {
    let json = '"';
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      const hex = `\\u${(choice() % 2 ? code.toString(16) : code.toString(16).toUpperCase()).padStart(4, "0")}`;
      const plain = JSON.stringify(text[i]).slice(1, -1);
      const surrogate = code >= 0xd800 && code < 0xe000;
      json += surrogate || choice() % 5 === 0 ? hex : text[i] === "/" && choice() % 2 ? "\\/" : plain;
    }
    return `${json}"`;
  };
  const list = (items: string[]) => items.map((item) => space() + item + space()).join(",") || space();
  if (typeof value === "string") return string(value);
  if (Array.isArray(value)) return `[${list(value.map((item) => jsonOf(item, choice)))}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).map(([key, item]) =>
    string(key) + space() + ":" + space() + jsonOf(item as fc.JsonValue, choice)
  );
  return `{${list(entries)}}`;
}

const key = fc.oneof(
  fc.constantFrom("text", "path", "lang", "texts", "", "te\\xt", "__proto__", "\u0442ext"),
  fc.string({ unit: "binary" }),
);
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({
    unit: fc.constantFrom("a", "\\", '"', "\n", "/", "é", "€", "🙂", "\ud800", "\udc00", "\u007f", "\0"),
    maxLength: 40,
  }),
  fc.string({ maxLength: 40 }),
  fc.string({ unit: fc.constantFrom("abcdefg", "    ", "\n", "\\", '"', "é", "\t"), maxLength: 150 }),
);
const value: fc.Arbitrary<fc.JsonValue> = fc.oneof(text, fc.jsonValue({ maxDepth: 3 }));
const entries = fc.array(fc.tuple(key, value), { maxLength: 6 });
const choices = fc.infiniteStream(fc.nat(999));

/** An object written with its keys in this order, also where one stands twice. */
function lineOf(pairs: [string, fc.JsonValue][], stream: Iterator<number>): string {
  const choice = () => stream.next().value as number;
  const members = pairs.map(([name, item]) => jsonOf({ ["k" + name]: item }, choice));
  // Each member was written as an object of its own, so that repeated keys stay; the k keeps __proto__ a key.
  const inner = members.map((member) => member.trim().slice(1, -1).replace(/^(\s*")(k|\\u006[bB])/, "$1"));
  return `{${inner.join(",")}}`;
}

Deno.test("json: any object, however it is written, gives what JSON.parse gives", () => {
  fc.assert(
    fc.property(entries, choices, (pairs, stream) => {
      const line = lineOf(pairs as [string, fc.JsonValue][], stream[Symbol.iterator]());
      const expected = oracle(line);
      ok(expected !== null, line);
      deepStrictEqual(read(line), expected);
    }),
    { numRuns: 3000, seed: 1 },
  );
});

Deno.test("json: a line with a character changed, dropped or added is refused exactly where JSON.parse refuses it", () => {
  const character = fc.constantFrom(...'{}[]",:\\/u0123456789abtrfnelsE+-. \t\r\u0001é\ud83d\u00a0');
  let refused = 0;
  fc.assert(
    fc.property(entries, choices, fc.nat(), fc.nat(2), character, (pairs, stream, place, kind, char) => {
      const line = lineOf(pairs as [string, fc.JsonValue][], stream[Symbol.iterator]());
      const at = place % line.length;
      // Bytes cannot hold half a pair: what JSON.parse gets is what the bytes say.
      const edited = decoder.decode(encoder.encode(
        kind === 0 ? line.slice(0, at) : line.slice(0, at) + char + line.slice(kind === 1 ? at : at + 1),
      ));
      const expected = oracle(edited);
      if (expected === null) refused++;
      deepStrictEqual(readOrNull(edited), expected);
    }),
    { numRuns: 5000, seed: 2 },
  );
  ok(refused > 1000, `${refused}`);
});

Deno.test("json: every short escape, every control character and every surrogate is as JSON.parse has it", () => {
  for (let code = 0; code < 128; code++) {
    for (const string of [`\\${String.fromCharCode(code)}`, String.fromCharCode(code), `\\u00${code.toString(16)}`]) {
      for (const pad of ["", "a", "ab", "abc", "abcd"]) {
        for (const line of [`{"text":"${pad}${string}${pad}"}`, `{"x":"${pad}${string}${pad}","text":"a"}`]) {
          deepStrictEqual(readOrNull(line), oracle(line), line);
        }
      }
    }
  }
  for (const pair of ["d800", "dbff", "dc00", "dfff", "d7ff", "e000", "ffff"]) {
    for (const then of ["", "x", "\\n", "\\ud800", "\\udc00", "\\uDFFF", "\\u0041", "\\udc0", "\\u", "\\"]) {
      const line = `{"text":"\\u${pair}${then}"}`;
      deepStrictEqual(readOrNull(line), oracle(line), line);
    }
  }
});

Deno.test("json: numbers, words and nesting are held to the grammar", () => {
  const good = [
    "0",
    "-0",
    "10",
    "0.5",
    "1e5",
    "1E+5",
    "1.25e-7",
    "true",
    "false",
    "null",
    "[]",
    "{}",
    "[[],{}]",
    '[{"a":[1]}]',
  ];
  const bad = [
    "01",
    "-",
    ".5",
    "1.",
    "1e",
    "+1",
    "NaN",
    "tru",
    "truex",
    "[1,]",
    "[,]",
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    "'a'",
    "1 2",
    "",
  ];
  for (const item of [...good, ...bad]) {
    for (const line of [`{"x":${item}}`, `{"text":${item}}`, `{"x":${item},"text":"a"}`, item]) {
      deepStrictEqual(readOrNull(line), oracle(line), line);
    }
  }
  const deep = (depth: number) => `{"text":"a","x":${"[".repeat(depth)}${"]".repeat(depth)}}`;
  strictEqual(read(deep(1000)).text, "a");
  throws(() => read(deep(1001)), /nested deeper than 1000/);
});

Deno.test("json: a fault is told with its place", () => {
  const cases: [string, number, RegExp][] = [
    ['{"text":"a\u0001"}', 10, /control character \(1\)/],
    ['{"text":"a\\x"}', 10, /unknown escape/],
    ['{"text":"abcdefgh', 17, /ends early/],
    ['{"text":"a"} x', 13, /more after the object/],
    ['{"text" "a"}', 8, /: is missing/],
    ["[1]", 0, /not a JSON object/],
    ["", 0, /ends early/],
  ];
  for (const [line, at, message] of cases) {
    throws(() => read(line), (error: unknown) => {
      ok(error instanceof Fault);
      match(error.message, message);
      strictEqual(error.at, at + 3);
      return true;
    });
  }
});

Deno.test("json: bytes that are no UTF-8 are passed on, and marked", () => {
  const out = new Uint8Array(100);
  for (const filler of ["", "a", "ab", "abc", "abcd", "abcdefg"]) {
    const line = bytes('{"text":"', filler, [0xe9], filler, '"}');
    const fields = reader.read(line, 0, line.length, out, 0);
    strictEqual(fields.mayBeMalformed, true);
    deepStrictEqual(out.slice(0, fields.textBytes), bytes(filler, [0xe9], filler));
  }
  const plain = encoder.encode('{"é":"é","text":"plain \\u00e9 text"}');
  strictEqual(reader.read(plain, 0, plain.length, out, 0).mayBeMalformed, false);
  throws(() => reader.read(plain, 0, plain.length, out, 90), RangeError);
});

/** The strict JSON parser, against JSON.parse where that one is right. */
import fc from "fast-check";
import { FormatError } from "../src/errors.ts";
import { type JsonValue, parseJson } from "../src/json.ts";
import { assert, assertFails } from "./assert.ts";

fc.configureGlobal({ seed: 20261123 });

function plain(value: JsonValue): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, entry]) => [key, plain(entry)]));
  return value;
}

Deno.test("parseJson() reads what JSON.stringify() writes", () => {
  fc.assert(fc.property(fc.jsonValue(), fc.constantFrom(undefined, 2, "\t"), (value, space) => {
    const text = JSON.stringify(value, null, space);
    assert.equal(JSON.stringify(plain(parseJson(text, "x"))), JSON.stringify(value));
  }));
});

Deno.test("parseJson() takes and refuses the same texts as JSON.parse()", () => {
  const piece = fc.constantFrom(
    ...'{}[],:"\\ \n0123.-+eEtruefalsn/u\u0001',
    "true",
    "null",
    '"a"',
    '"b":',
    "\\u00e9",
    "1e5",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      const text = pieces.join("");
      let expected: string | undefined;
      try {
        expected = JSON.stringify(JSON.parse(text));
      } catch {
        assert.throws(() => parseJson(text, "x"), FormatError, text);
        return;
      }
      if (/"([^"]*)":.*"\1":/s.test(text)) return; // a name that stands twice
      assert.equal(JSON.stringify(plain(parseJson(text, "x"))), expected);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("parseJson() refuses a name that stands twice, deep nesting and a cut text, and tells the place", async () => {
  await assertFails(() => parseJson('{"a":1,"\\u0061":2}', "f.json"), '"a" stands twice', "f.json, character 7");
  await assertFails(() => parseJson("[".repeat(100_000), "f.json"), "nested deeper than 100");
  await assertFails(() => parseJson('{"a":', "f.json"), "ends early", "character 5");
  await assertFails(() => parseJson('"abc', "f.json"), "no end", "character 0");
  await assertFails(() => parseJson("{} {}", "f.json"), "more after the value", "character 3");
});

Deno.test("parseJson() keeps an escaped quote as a key after a backslash as a key", () => {
  parseJson('{"a":1,"\\\\":1}', "x");
  const value = parseJson('{"a":1,"\\"":1,"__proto__":2}', "x");
  assert.ok(value instanceof Map);
  assert.deepEqual([...value.keys()], ["a", '"', "__proto__"]);
});

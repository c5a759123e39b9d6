import assert from "node:assert/strict";
import fc from "fast-check";
import { formatIds, parseIds } from "../../src/cli/token_ids.ts";
import { UserError } from "../../src/errors.ts";

async function* chunked(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

async function parse(text: string, vocabSize: number, size = 5): Promise<number[]> {
  return (await Array.fromAsync(parseIds(chunked(text, size), vocabSize))).flatMap((ids) => [...ids]);
}

Deno.test("ids survive both spellings, however the text is cut", async () => {
  await fc.assert(fc.asyncProperty(
    fc.array(fc.nat({ max: 50256 }), { maxLength: 50 }),
    fc.boolean(),
    fc.integer({ min: 1, max: 9 }),
    async (ids, json, size) => {
      const text = [...formatIds(Uint32Array.from(ids), json)].join("");
      assert.deepEqual(await parse(text, 50257, size), ids);
      if (json) assert.deepEqual(JSON.parse(text), ids);
    },
  ));
});

Deno.test("what is no id is named with its place", async () => {
  const userError = (message: RegExp) => (error: unknown) => error instanceof UserError && message.test(error.message);
  await assert.rejects(parse("1 2 300", 300), userError(/number 3: "300" is not a token id \(expected .* 0 to 299/));
  for (const bad of ["-1", "1.5", "x", "1e3", "99999999999"]) {
    await assert.rejects(parse(bad, 300), userError(/number 1/));
  }
});

Deno.test("long lists are written in several pieces that join without a seam", () => {
  const ids = Uint32Array.from({ length: 200_000 }, (_, i) => i);
  const pieces = [...formatIds(ids, true)];
  assert.ok(pieces.length > 3);
  assert.deepEqual(JSON.parse(pieces.join("")), [...ids]);
});

/** The reader under all formats: whatever chunks a stream comes in, and whatever is asked of it, the bytes are the same. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { createByteReader } from "../../src/corpus/bytes.ts";

/** Numbers from 0 on, in chunks of these sizes; each chunk is overwritten when the next one is asked for, as sources do. */
async function* chunks(sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (const size of sizes) {
    const chunk = Uint8Array.from({ length: size }, () => at++);
    yield chunk;
    chunk.fill(0xee);
    await Promise.resolve();
  }
}

const step = fc.record({
  kind: fc.constantFrom("peek", "read", "chunk", "skip" as const),
  count: fc.nat(12),
});

Deno.test("peek, read, chunk and skip see the same bytes in any chunks and in any order", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(9), { maxLength: 12 }),
      fc.array(step, { maxLength: 30 }),
      async (sizes, steps) => {
        const all = Uint8Array.from({ length: sizes.reduce((sum, size) => sum + size, 0) }, (_, i) => i);
        const reader = createByteReader(chunks(sizes));
        let at = 0;
        for (const { kind, count } of steps) {
          const wanted = all.subarray(at, at + count);
          if (kind === "peek") deepStrictEqual((await reader.peek(count)).slice(), wanted.slice());
          else if (kind === "read") {
            deepStrictEqual(await reader.read(count), wanted.slice());
            at += wanted.length;
          } else if (kind === "skip") {
            strictEqual(await reader.skip(count), wanted.length);
            at += wanted.length;
          } else {
            const some = await reader.chunk(count + 1);
            if (some === null) strictEqual(at, all.length);
            else {
              ok(some.length >= 1 && some.length <= count + 1);
              deepStrictEqual(some.slice(), all.slice(at, at + some.length));
              at += some.length;
            }
          }
          strictEqual(reader.offset, at);
        }
        await reader.close();
      },
    ),
    { numRuns: 1000, seed: 6 },
  );
});

/** The reader under all formats: whatever chunks a stream comes in, and whatever is asked of it, the bytes are the same. */
import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { type ByteSource, createByteReader } from "../../src/corpus/bytes.ts";

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

/** The same as a source that writes them where it is told. */
function source(sizes: readonly number[]): ByteSource {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  let at = 0;
  return {
    async fill(target) {
      await Promise.resolve();
      const count = Math.min(target.length, total - at);
      for (let i = 0; i < count; i++) target[i] = at++;
      return count;
    },
    close() {},
  };
}

const step = fc.record({
  kind: fc.constantFrom("peek", "read", "chunk", "fill", "skip" as const),
  count: fc.nat(12),
});

Deno.test("peek, read, chunk, fill and skip see the same bytes in any chunks, or of a source, and in any order", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(9), { maxLength: 12 }),
      fc.array(step, { maxLength: 30 }),
      fc.boolean(),
      async (sizes, steps, fills) => {
        const all = Uint8Array.from({ length: sizes.reduce((sum, size) => sum + size, 0) }, (_, i) => i);
        const reader = createByteReader(fills ? source(sizes) : chunks(sizes));
        let at = 0;
        for (const { kind, count } of steps) {
          const wanted = all.subarray(at, at + count);
          if (kind === "peek") deepStrictEqual((await reader.peek(count)).slice(), wanted.slice());
          else if (kind === "read") {
            deepStrictEqual(await reader.read(count), wanted.slice());
            at += wanted.length;
          } else if (kind === "fill") {
            const target = new Uint8Array(count + 1);
            const filled = await reader.fill(target);
            deepStrictEqual(target.slice(0, filled), all.slice(at, at + count + 1));
            at += filled;
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

Deno.test("what came before an error is filled in, whatever was looked at before; the error comes next", async () => {
  const failing = async function* () {
    yield* chunks([3, 4]);
    throw new Error("gone");
  };
  const failingSource = (): ByteSource => {
    const { fill, close } = source([7]);
    return {
      async fill(target) {
        const count = await fill(target);
        if (count === 0) throw new Error("gone");
        return count;
      },
      close,
    };
  };
  for (const size of [7, 8, 100]) {
    for (const peeked of [0, 2, 5]) {
      for (const input of [failing(), failingSource()]) {
        const reader = createByteReader(input);
        await reader.peek(peeked);
        const target = new Uint8Array(size);
        strictEqual(await reader.fill(target), 7);
        deepStrictEqual([...target.slice(0, 7)], [0, 1, 2, 3, 4, 5, 6]);
        await rejects(reader.fill(target), /gone/);
        await rejects(reader.chunk(), /gone/);
      }
    }
  }
});

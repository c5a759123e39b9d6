/** LZ4 blocks: made here sequence by sequence, and by another program in lz4.parquet. */
import { deepStrictEqual, ok, throws } from "node:assert/strict";
import fc from "fast-check";
import { decodeLz4Block } from "../../src/corpus/lz4.ts";
import { bitFlips, bytes, collectFile, rightOrError, truncations } from "./support.ts";

interface Sequence {
  literals: Uint8Array;
  /** How far back, as a fraction of what is there, and how many bytes; the last sequence has none. */
  match: { place: number; length: number };
}

const lengthBytes = (length: number): number[] =>
  length < 15 ? [] : [...new Array(Math.floor((length - 15) / 255)).fill(255), (length - 15) % 255];

/** The block of some sequences and a last one of literals, and what it stands for, byte by byte. */
function blockOf(sequences: Sequence[], last: Uint8Array): { block: Uint8Array; expected: number[] } {
  const block: number[] = [];
  const expected: number[] = [];
  for (const { literals, match } of sequences) {
    expected.push(...literals);
    const distance = 1 + Math.floor(match.place * Math.min(65535, expected.length - 1));
    block.push(Math.min(15, literals.length) << 4 | Math.min(15, match.length - 4), ...lengthBytes(literals.length));
    block.push(...literals, distance & 255, distance >> 8, ...lengthBytes(match.length - 4));
    for (let i = 0; i < match.length; i++) expected.push(expected[expected.length - distance]);
  }
  block.push(Math.min(15, last.length) << 4, ...lengthBytes(last.length), ...last);
  expected.push(...last);
  return { block: Uint8Array.from(block), expected };
}

const length = (least: number) =>
  fc.oneof(fc.integer({ min: least, max: least + 20 }), fc.constantFrom(269, 270, 271, 273, 274, 275, 529, 3000));
const literals = (least: number) => length(least).chain((size) => fc.uint8Array({ minLength: size, maxLength: size }));
const sequence = fc.record({
  literals: literals(1),
  match: fc.record({ place: fc.double({ min: 0, max: 0.999, noNaN: true }), length: length(4) }),
});

Deno.test("lz4: literals and matches of all lengths and distances, overlapping ones too", () => {
  fc.assert(
    fc.property(fc.array(sequence, { maxLength: 6 }), literals(0), (sequences, last) => {
      const { block, expected } = blockOf(sequences, last);
      deepStrictEqual([...decodeLz4Block(block, expected.length)], expected);
      for (const wrong of [expected.length + 1, expected.length - 1]) {
        if (wrong >= 0) throws(() => decodeLz4Block(block, wrong), /damaged LZ4 block/);
      }
    }),
    { numRuns: 300, seed: 4 },
  );
});

Deno.test("lz4: a cut or a flipped bit gives an error or as many bytes as there must be", () => {
  const one = { literals: bytes("abcdefghijklmnopqrst"), match: { place: 0.5, length: 40 } };
  const { block, expected } = blockOf([one, one], bytes("the end"));
  for (const cut of truncations(block)) throws(() => decodeLz4Block(cut, expected.length), /damaged LZ4 block/);
  let errors = 0;
  for (const flipped of bitFlips(block)) {
    try {
      ok(decodeLz4Block(flipped, expected.length).length === expected.length);
    } catch (error) {
      ok(error instanceof Error && /^damaged LZ4 block/.test(error.message), `${error}`);
      errors++;
    }
  }
  ok(errors > 50, `${errors} errors`);
  // A place of 0, one before the start, and a last sequence that announces a match.
  throws(() => decodeLz4Block(Uint8Array.of(0x10, 97, 0, 0, 0), 5), /0 back/);
  throws(() => decodeLz4Block(Uint8Array.of(0x10, 97, 2, 0, 0), 5), /2 back/);
  throws(() => decodeLz4Block(Uint8Array.of(0x11, 97), 1), /an end after 1 of 1 bytes/);
  throws(() => decodeLz4Block(new Uint8Array(0), 0), /no last sequence/);
});

Deno.test("lz4: a parquet file in LZ4_RAW, with page checksums, is right at any flipped bit of a page or an error", async () => {
  // Written by pyarrow: write_table(…, compression="lz4", write_page_checksum=True, use_dictionary=False).
  const file = await Deno.readFile(new URL("./lz4.parquet", import.meta.url));
  const texts = ["def f(x):\n    return x\n".repeat(20), "int main() { return 0; }\n", `été ${"=".repeat(700)}\n`];
  const options = { jsonKey: "content" };
  const { texts: found, report } = await collectFile("a.parquet", file, options);
  deepStrictEqual(found, texts);
  deepStrictEqual([report.skippedEmpty, report.uncheckedRowGroups], [1, 0]);
  const footerAt = file.length - 8 - new DataView(file.buffer).getUint32(file.length - 8, true);
  const { errors } = await rightOrError("a.parquet", [...bitFlips(file)].slice(4 * 8, footerAt * 8), texts, options);
  ok(errors > 0.85 * (footerAt - 4) * 8, `${errors} errors`);
});

/** From blocks to ids, the texts of lines encoded where they are written. */
import type { Block } from "../../src/corpus/block.ts";
import { createBlockEncoder } from "../../src/dataset/encode_block.ts";
import { createEncoder } from "../../src/tokenizer/encoder.ts";
import { loadTokenizer } from "../../src/tokenizer/load.ts";
import { assert } from "../assert.ts";

const encoder = new TextEncoder();

function linesOf(lines: readonly (string | Uint8Array)[]): Block {
  const parts = lines.flatMap((line) => [typeof line === "string" ? encoder.encode(line) : line, encoder.encode("\n")]);
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  const place = { label: "a.jsonl", namePasses: true, lines: lines.length, line: 1, offset: 0, plain: true };
  return { kind: "lines", bytes, ...place };
}

Deno.test("lines between which the encoder's memory grows, or is given back, have the same ids as by themselves", async () => {
  const tokenizer = await loadTokenizer("gpt2");
  const reference = createEncoder(tokenizer.seed!.tables, "TypeScript");
  const texts = [
    "def f(x):\n    return x\n",
    "a".repeat(50_000), // needs memory behind the block
    "it's 12 \u00e9\u00e9 \ud83d\ude00\n".repeat(300),
    "b".repeat(2_000_000),
    "int main() {}\n",
  ];
  const malformed = [
    0x7b,
    0x22,
    0x74,
    0x65,
    0x78,
    0x74,
    0x22,
    0x3a,
    0x22,
    0xff,
    ...encoder.encode("z".repeat(1_500_000)),
    0x22,
    0x7d,
  ];
  const lines = [
    ...texts.map((text) => JSON.stringify({ path: "a.py", text })),
    Uint8Array.from(malformed), // is mended elsewhere, encoded by copying, and makes the encoder begin with a new memory
    ...texts.map((text) => JSON.stringify({ text })),
  ];
  const expected = [...texts, `\ufffd${"z".repeat(1_500_000)}`, ...texts].map((text) =>
    reference.encode(encoder.encode(text))
  );
  const own = await createBlockEncoder(tokenizer, { parse: { minDocLength: 0 }, eosId: null, wide: false });
  for (const blocks of [[linesOf(lines)], [linesOf(lines.slice(0, 3)), linesOf(lines.slice(3))]]) {
    const { ids, lens, textBytes, undecodable } = own.encode(blocks);
    let start = 0;
    expected.forEach((some, i) => {
      assert.deepEqual(Uint32Array.from(ids.subarray(start, start += lens[i])), some, `document ${i}`);
      assert.equal(textBytes[i], i === texts.length ? 1_500_003 : encoder.encode(texts[i % (texts.length + 1)]).length);
    });
    assert.equal(lens.length, expected.length);
    assert.deepEqual([...undecodable], expected.map((_, i) => i === texts.length ? 1 : 0));
  }
});

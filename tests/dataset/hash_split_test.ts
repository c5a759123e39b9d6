/** The split by document hash: who belongs where, what data that were split so give to training, and refusals. */
import fc from "fast-check";
import xxhash from "xxhash-wasm";
import { createDocumentHash } from "../../src/dataset/document_hash.ts";
import { openDataset } from "../../src/dataset/dataset.ts";
import { hashSplitParts, parseHashSplit, partOfHash } from "../../src/dataset/hash_split.ts";
import { createTokenFileWriter } from "../../src/dataset/token_writer.ts";
import { assert, assertFails } from "../assert.ts";
import { description, inFolder, writeDocuments } from "./files.ts";

fc.configureGlobal({ seed: 20261125 });

const hash = await createDocumentHash();
const hashBytes = (text: string) => new Uint8Array(BigUint64Array.of(hash(new TextEncoder().encode(text))).buffer);

Deno.test("a large document has the hash that it has in one piece", async () => {
  const { h64Raw } = await xxhash();
  for (const size of [0, 1, 1 << 20, (1 << 20) + 1, 3_000_001]) {
    const text = Uint8Array.from({ length: size }, (_, i) => (i * 7919) >>> 3);
    assert.equal(hash(text), h64Raw(text), `${size} bytes`);
  }
});

Deno.test("a document's part follows from its text and the seed alone, in the shares that were asked for", () => {
  const split = parseHashSplit("80,15,5", 7);
  assert.deepEqual(hashSplitParts(split), ["train", "valid", "test"]);
  const counts = [0, 0, 0];
  for (let i = 0; i < 20_000; i++) counts[partOfHash(split, hashBytes(`document ${i}`))]++;
  for (const [i, share] of [0.8, 0.15, 0.05].entries()) {
    assert.ok(Math.abs(counts[i] / 20_000 - share) < 0.01, `${counts}`);
  }

  const other = parseHashSplit("80,15,5", 8);
  const texts = Array.from({ length: 1000 }, (_, i) => hashBytes(`document ${i}`));
  const moved = texts.filter((text) => partOfHash(split, text) !== partOfHash(other, text)).length;
  assert.ok(moved > 200 && moved < 500, `${moved} of 1000 change with the seed`);
});

Deno.test("a part of weight 0 gets nothing, and a larger first weight only takes documents from the others", () => {
  fc.assert(fc.property(fc.string(), fc.nat(), fc.integer({ min: 1, max: 99 }), (text, seed, weight) => {
    const bytes = hashBytes(text);
    assert.equal(partOfHash(parseHashSplit("0,1,0", seed), bytes), 0);
    assert.deepEqual(hashSplitParts(parseHashSplit("0,1,0", seed)), ["valid"]);
    const smaller = partOfHash(parseHashSplit(`${weight},${100 - weight}`, seed), bytes);
    const larger = partOfHash(parseHashSplit(`${weight + 1},${99 - weight}`, seed), bytes);
    assert.ok(smaller === 1 || larger === 0);
  }));
});

Deno.test("weights that are none are refused under the option's name", async () => {
  for (const text of ["", "a", "0,0,0", "1,2,3,4", "-1,2"]) {
    await assertFails(() => parseHashSplit(text, 0), "--split_by_hash");
  }
});

function writePart(prefix: string, part: "train" | "valid" | "test", documents: number[][]): void {
  using writer = createTokenFileWriter(`${prefix}_${part}`, { vocabSize: 1000 });
  for (const ids of documents) writer.append(ids, ids.length);
  writer.commit({ ...description, split: { part, weights: [8, 1, 1], seed: 0 } });
}

Deno.test("data that were split by hash keep their parts, of several files too, whatever the weights of --split", () =>
  inFolder(async (folder) => {
    writePart(`${folder}/a`, "train", [[1, 2, 3], [4, 5]]);
    writePart(`${folder}/a`, "valid", [[100, 101, 102]]);
    writePart(`${folder}/b`, "train", [[6, 7, 8, 9]]);
    writePart(`${folder}/b`, "valid", [[103, 104]]);
    for (const split of [[900, 50, 50], [1, 1, 0]]) {
      using dataset = await openDataset(folder, { maxSeqLen: 2, split, parts: ["train", "valid"] });
      const [train, valid] = [dataset.part("train"), dataset.part("valid")];
      assert.ok(train && valid);
      assert.deepEqual([train.documents, train.tokens, valid.documents, valid.tokens], [3, 9, 2, 5]);
      const out = new Uint32Array(3);
      train.readSample(3, out);
      assert.deepEqual([...out], [7, 8, 9]);
      valid.readSample(1, out);
      assert.deepEqual([...out], [102, 103, 104]);
      assert.equal(dataset.documents, 5);
    }
    using all = await openDataset(folder, { maxSeqLen: 2, parts: ["all"] });
    assert.equal(all.part("all")?.tokens, 14);
    await assertFails(
      () => openDataset(folder, { maxSeqLen: 2, parts: ["test"] }),
      "no test part",
      "train, valid",
      "--split 900,50,0",
    );
    await assertFails(() => openDataset(folder, { maxSeqLen: 50 }), "--max_seq_len 4 or less");
    writeDocuments(`${folder}/c`, [[1, 2, 3]], 1000);
    await assertFails(() => openDataset(folder, { maxSeqLen: 2 }), `${folder}/c`, "not split", "different folders");
  }));

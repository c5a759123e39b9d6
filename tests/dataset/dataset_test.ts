/** A folder of token files as parts, samples and batches. */
import fc from "fast-check";
import { readBatch } from "../../src/dataset/batch.ts";
import { type Dataset, openDataset, type PartName } from "../../src/dataset/dataset.ts";
import { UserError } from "../../src/errors.ts";
import { assert, assertFails } from "../assert.ts";
import { countingDocuments, goldenFolder, inFolder, writeDocuments } from "./files.ts";

fc.configureGlobal({ seed: 20261123 });

function partOf(dataset: Dataset, name: PartName) {
  const part = dataset.part(name);
  assert.ok(part, `no part ${name}`);
  return part;
}

Deno.test("the golden document gives windows i·T to i·T + T with targets one token on", async () => {
  using dataset = await openDataset(goldenFolder, { maxSeqLen: 33, split: [1, 0, 0], vocabSize: 257 });
  const ids = [...new Uint16Array(Deno.readFileSync(`${goldenFolder}/golden_ids.npy`).buffer.slice(128))];
  const train = partOf(dataset, "train");
  assert.deepEqual([train.documents, train.tokens, train.samples], [1, 100, 3]);
  assert.equal(dataset.part("valid"), null);
  assert.equal(dataset.vocabSize, null);
  const { inputs, targets, batchSize, seqLen } = readBatch(train, 0, 3);
  assert.deepEqual([batchSize, seqLen], [3, 33]);
  assert.deepEqual([...inputs], ids.slice(0, 99));
  assert.deepEqual([...targets], ids.slice(1, 100));
});

Deno.test("parts are runs of documents; samples cross documents and files but not parts", () =>
  inFolder(async (folder) => {
    const documents = countingDocuments(Array.from({ length: 30 }, (_, i) => 3 + i % 4));
    writeDocuments(`${folder}/b`, documents.slice(11, 27));
    writeDocuments(`${folder}/a`, documents.slice(0, 11));
    writeDocuments(`${folder}/c`, documents.slice(27));
    using dataset = await openDataset(folder, { maxSeqLen: 4 });
    assert.deepEqual(dataset.prefixes, ["a", "b", "c"].map((name) => `${folder}/${name}`));
    assert.equal(dataset.documents, 30);
    for (const [name, first, end] of [["train", 0, 26], ["valid", 26, 28], ["test", 28, 30]] as const) {
      const part = partOf(dataset, name);
      const tokens = documents.slice(first, end).flat();
      assert.equal(part.tokens, tokens.length);
      assert.equal(part.samples, Math.floor((tokens.length - 1) / 4));
      const sample = new Uint32Array(5);
      for (let i = 0; i < part.samples; i++) {
        part.readSample(i, sample);
        assert.deepEqual([...sample], tokens.slice(i * 4, i * 4 + 5));
      }
      assert.throws(() => part.readSample(part.samples, sample), RangeError);
    }
  }));

Deno.test("the samples of a step do not depend on the micro batch size, nor on what was read before", () =>
  inFolder(async (folder) => {
    writeDocuments(`${folder}/x`, countingDocuments([500, 700]));
    using dataset = await openDataset(folder, { maxSeqLen: 7, split: [1, 0, 0], seed: 99 });
    const train = partOf(dataset, "train");
    fc.assert(fc.property(fc.nat(1000), fc.constantFrom(1, 2, 3, 6), (step, micro) => {
      const whole = readBatch(train, step * 6, 6);
      const inputs: number[] = [];
      for (let first = step * 6; first < step * 6 + 6; first += micro) {
        inputs.push(...readBatch(train, first, micro).inputs);
      }
      assert.deepEqual(inputs, [...whole.inputs]);
    }));
    using again = await openDataset(folder, { maxSeqLen: 7, split: [1, 0, 0], seed: 99 });
    assert.deepEqual(readBatch(partOf(again, "train"), 12_345, 4), readBatch(train, 12_345, 4));
  }));

Deno.test("a seed shuffles training, each epoch anew and completely; validation stays in order", () =>
  inFolder(async (folder) => {
    writeDocuments(`${folder}/x`, countingDocuments([401, 101]));
    using dataset = await openDataset(folder, { maxSeqLen: 5, split: [1, 1, 0], seed: 3 });
    const firsts = (name: PartName, from: number) => {
      const { inputs } = readBatch(partOf(dataset, name), from, partOf(dataset, name).samples);
      return Array.from({ length: inputs.length / 5 }, (_, i) => inputs[i * 5]);
    };
    const inOrder = Array.from({ length: 80 }, (_, i) => i * 5);
    assert.notDeepEqual(firsts("train", 0), inOrder);
    assert.notDeepEqual(firsts("train", 0), firsts("train", 80));
    for (const epoch of [0, 1]) assert.deepEqual(firsts("train", epoch * 80).sort((a, b) => a - b), inOrder);
    assert.deepEqual(firsts("valid", 0), Array.from({ length: 20 }, (_, i) => 401 + i * 5));
    assert.deepEqual(firsts("valid", 20), firsts("valid", 0));
    using unshuffled = await openDataset(folder, { maxSeqLen: 5, split: [1, 1, 0] });
    assert.equal(readBatch(partOf(unshuffled, "train"), 1, 1).inputs[0], 5);
  }));

Deno.test("an empty part is an error with remedies, and each remedy works", () =>
  inFolder(async (folder) => {
    await assertFails(
      () => openDataset(goldenFolder, { maxSeqLen: 33 }),
      "valid part",
      "no documents",
      "--split 900,50,50",
      "--split 1,0,0",
    );

    writeDocuments(`${folder}/x`, countingDocuments(Array.from({ length: 12 }, () => 10)));
    const failure = await openDataset(folder, { maxSeqLen: 20 }).then(() => null, (error: unknown) => error);
    assert.ok(failure instanceof UserError);
    const split = /--split (\d+,\d+,\d+)(?!.*--split)/s.exec(failure.message)?.[1];
    assert.ok(split, failure.message);
    using dataset = await openDataset(folder, { maxSeqLen: 20, split: split.split(",").map(Number) });
    assert.ok(partOf(dataset, "test").samples > 0);

    const tooLong = await openDataset(folder, { maxSeqLen: 30, split: [10, 1, 1] }).then(() => null, String);
    const longest = Number(/--max_seq_len (\d+) or less/.exec(tooLong ?? "")?.[1]);
    assert.equal(longest, 9);
    using shorter = await openDataset(folder, { maxSeqLen: longest, split: [10, 1, 1] });
    assert.equal(partOf(shorter, "valid").samples, 1);

    await assertFails(() => openDataset(folder, { maxSeqLen: 500 }), "more documents", "120 tokens", "501 tokens");
    await assertFails(() => openDataset(folder, { maxSeqLen: 0 }), "--max_seq_len");
  }));

Deno.test("only the parts that will be read must have samples; `all` is every document", async () => {
  using dataset = await openDataset(goldenFolder, { maxSeqLen: 33, parts: ["all"] });
  assert.equal(partOf(dataset, "all").samples, 3);
  assert.equal(dataset.part("train"), null);
  await assertFails(() => openDataset(goldenFolder, { maxSeqLen: 100, parts: ["all"] }), "--max_seq_len 99 or less");
});

Deno.test("a folder without token files, a file without its half, mixed tokenizers: each says what to do", () =>
  inFolder(async (folder) => {
    await assertFails(() => openDataset(`${folder}/none`, { maxSeqLen: 4 }), "cannot read the folder", "--input_dir");
    await assertFails(() => openDataset(folder, { maxSeqLen: 4 }), "no token files", "codekiln data");
    writeDocuments(`${folder}/x`, countingDocuments([50]));
    writeDocuments(`${folder}/y`, countingDocuments([50]));
    const meta = Deno.readTextFileSync(`${folder}/y_meta.json`);
    Deno.writeTextFileSync(`${folder}/y_meta.json`, meta.replace('"fingerprint": "f"', '"fingerprint": "g"'));
    await assertFails(() => openDataset(folder, { maxSeqLen: 4 }), `${folder}/y`, "one tokenizer");
    Deno.removeSync(`${folder}/y_meta.json`);
    await assertFails(() => openDataset(folder, { maxSeqLen: 4 }), "no _meta.json");
    Deno.writeTextFileSync(`${folder}/y_meta.json`, meta);
    using dataset = await openDataset(folder, { maxSeqLen: 4, split: [1, 1, 0] });
    assert.equal(dataset.vocabSize, 50257);
    Deno.removeSync(`${folder}/y_idx.npz`);
    await assertFails(() => openDataset(folder, { maxSeqLen: 4 }), "y_ids.npy is there without y_idx.npz");
  }));

Deno.test("the fingerprint changes when the data do", () =>
  inFolder(async (folder) => {
    const fingerprint = async () => {
      using dataset = await openDataset(folder, { maxSeqLen: 4, split: [1, 0, 0] });
      return dataset.fingerprint;
    };
    writeDocuments(`${folder}/x`, countingDocuments([50]));
    const first = await fingerprint();
    assert.equal(await fingerprint(), first);
    writeDocuments(`${folder}/y`, countingDocuments([50]));
    assert.notEqual(await fingerprint(), first);
  }));

/** Training runs on every device: the same bits twice, the same bits through a stop, and clear refusals. */
import { train } from "../../src/train/run.ts";
import { checkpointSteps } from "../../src/checkpoint/find.ts";
import { readSafetensors } from "../../src/checkpoint/safetensors.ts";
import { devicesAndReference } from "../device/devices.ts";
import { assert, assertFails } from "../assert.ts";
import { filesOf, metricsWithoutTimes, quietly, tinyOptions, tinyTokenizer, withTinyData } from "./tiny_run.ts";

const never = new AbortController().signal;

for (const { name, absent, open } of devicesAndReference) {
  const run = (options: ReturnType<typeof tinyOptions>, events = quietly(), signal = never) =>
    train(open, options, tinyTokenizer, events, signal);

  Deno.test({
    name: `two runs with one seed on ${name} give the same bits, another seed gives others`,
    ignore: absent,
    fn: () =>
      withTinyData(async (folder) => {
        await run(tinyOptions(folder, "a"));
        await run(tinyOptions(folder, "b"));
        await run(tinyOptions(folder, "c", { seed: 8 }));
        const metrics = ["a", "b", "c"].map((output) => metricsWithoutTimes(`${folder}/${output}/metrics.jsonl`));
        assert.equal(metrics[0].length, 8);
        assert.deepEqual(metrics[0], metrics[1]);
        assert.notDeepEqual(metrics[0], metrics[2]);
        assert.deepEqual(filesOf(`${folder}/a/model_6`), filesOf(`${folder}/b/model_6`));
      }),
  });

  Deno.test({
    name: `a run on ${name} that is stopped after a step and resumed gives the bits of one that went through`,
    ignore: absent,
    fn: () =>
      withTinyData(async (folder) => {
        await run(tinyOptions(folder, "whole", { maxSteps: 7 }));
        const stop = new AbortController();
        const stopping = quietly({ onStep: ({ step }) => step === 4 ? stop.abort() : undefined });
        const stopped = await run(tinyOptions(folder, "parts", { maxSteps: 7 }), stopping, stop.signal);
        assert.equal(stopped.step, 4);
        const started: number[] = [];
        const resuming = quietly({ onStart: ({ startStep }) => void started.push(startStep) });
        await run(tinyOptions(folder, "parts", { maxSteps: 7, resume: true }), resuming);
        assert.deepEqual(started, [4]);
        assert.deepEqual(
          metricsWithoutTimes(`${folder}/parts/metrics.jsonl`),
          metricsWithoutTimes(`${folder}/whole/metrics.jsonl`),
        );
        assert.deepEqual(filesOf(`${folder}/parts/model_7`), filesOf(`${folder}/whole/model_7`));
      }),
  });

  Deno.test({
    name: `a run on ${name} that is stopped between a checkpoint and its evaluation makes up for it when resumed`,
    ignore: absent,
    fn: () =>
      withTinyData(async (folder) => {
        const common = { maxSteps: 5, saveSteps: 3 };
        await run(tinyOptions(folder, "whole", common));
        const stop = new AbortController();
        await run(tinyOptions(folder, "parts", common), quietly({ onSave: () => stop.abort() }), stop.signal);
        assert.equal(metricsWithoutTimes(`${folder}/parts/metrics.jsonl`).length, 3);
        await run(tinyOptions(folder, "parts", { ...common, resume: true }));
        assert.deepEqual(
          metricsWithoutTimes(`${folder}/parts/metrics.jsonl`),
          metricsWithoutTimes(`${folder}/whole/metrics.jsonl`),
        );
      }),
  });

  Deno.test({
    name: `the loss falls on ${name}, in training and validation`,
    ignore: absent,
    fn: () =>
      withTinyData(async (folder) => {
        const schedule = { maxLr: 0.03, minLr: 0.003, warmupRate: 0.1, decaySteps: 20, style: "cosine" } as const;
        const losses: number[] = [];
        const valid: (number | undefined)[] = [];
        await run(
          tinyOptions(folder, "out", { maxSteps: 20, evalFreq: 10, schedule }),
          quietly({
            onStep: ({ loss }) => void losses.push(loss),
            onEvaluation: (_step, result) => void valid.push(result?.loss),
          }),
        );
        assert.ok(losses[19] < losses[0] - 1, `${losses}`);
        assert.ok(valid.length === 2 && Number(valid[1]) < Number(valid[0]), `${valid}`);
      }),
  });
}

const [reference] = devicesAndReference;
const runOnReference = (options: ReturnType<typeof tinyOptions>) =>
  train(reference.open, options, tinyTokenizer, quietly(), never);

Deno.test("a checkpoint holds exactly the tensors of the Hugging Face directory it began from", () =>
  withTinyData(async (folder) => {
    const golden = new URL("../golden/bytes", import.meta.url).pathname;
    const model = { ...tinyOptions(folder, "").model, modelNameOrPath: golden };
    const fromGolden = { ...model, layers: null, hiddenSize: null, heads: null };
    await runOnReference(tinyOptions(folder, "out", { maxSteps: 1, model: fromGolden }));
    using ours = readSafetensors(`${folder}/out/model_1/model.safetensors`);
    using theirs = readSafetensors(`${golden}/model.safetensors`);
    const shapes = ({ header }: typeof ours) => new Map([...header.tensors].map(([name, { shape }]) => [name, shape]));
    assert.deepEqual(shapes(ours), shapes(theirs));
    const names = [...filesOf(`${folder}/out/model_1`).keys()];
    for (const required of ["config.json", "tokenizer.json", "vocab.json", "merges.txt", "optimizer.safetensors"]) {
      assert.ok(names.includes(required), required);
    }
  }));

Deno.test("a run refuses to begin where another one is, and to resume where none is", () =>
  withTinyData(async (folder) => {
    await assertFails(() => runOnReference(tinyOptions(folder, "out", { resume: true })), "no checkpoint to resume");
    await runOnReference(tinyOptions(folder, "out", { maxSteps: 1 }));
    await assertFails(() => runOnReference(tinyOptions(folder, "out")), "there is a run in this folder", "--resume");
  }));

Deno.test("a run refuses to resume with another seed, batch or data", () =>
  withTinyData(async (folder) => {
    await runOnReference(tinyOptions(folder, "out", { maxSteps: 1 }));
    const resume = (changes: Partial<ReturnType<typeof tinyOptions>>) => () =>
      runOnReference(tinyOptions(folder, "out", { resume: true, ...changes }));
    await assertFails(resume({ seed: 9 }), "--seed", "is 9, was 7");
    await assertFails(resume({ accumulation: 3 }), "--global_batch_size", "is 6, was 4");
    await Deno.remove(`${folder}/data`, { recursive: true });
    await Deno.mkdir(`${folder}/data`);
    // The golden data are one document, so all of it is training data here.
    for (const suffix of ["ids.npy", "idx.npz"]) {
      const from = new URL(`../golden/bytes/data/golden_${suffix}`, import.meta.url);
      await Deno.copyFile(from, `${folder}/data/tiny_${suffix}`);
    }
    const model = { ...tinyOptions(folder, "").model, vocabSize: 257 };
    await assertFails(resume({ model, split: [1, 0, 0] }), "--input_dir", "the data have changed");
  }));

Deno.test("a run that goes on with another device says so, once", () =>
  withTinyData(async (folder) => {
    const notes: string[][] = [];
    const run = (name: string, options: Partial<ReturnType<typeof tinyOptions>>) =>
      train(
        async () => ({ ...await reference.open(), name }),
        tinyOptions(folder, "out", options),
        tinyTokenizer,
        { ...quietly(), onStart: (run) => void notes.push([...run.notes]) },
        never,
      );
    await run("one", { maxSteps: 1 });
    await run("two", { maxSteps: 2, resume: true });
    await run("two", { maxSteps: 3, resume: true });
    assert.deepEqual(notes, [[], ["device was one and is two from here on"], []]);
  }));

Deno.test("ids outside of the model's vocabulary are an error with their place, also where the data have no description", () =>
  withTinyData(async (folder) => {
    await Deno.remove(`${folder}/data/tiny_meta.json`);
    const model = { ...tinyOptions(folder, "").model, vocabSize: 100 };
    const noTokenizer = () => Promise.resolve(null);
    const run = () => train(reference.open, tinyOptions(folder, "out", { model }), noTokenizer, quietly(), never);
    await assertFails(run, "token id", "tiny_ids.npy, byte");
  }));

Deno.test("an output folder that cannot be written is refused before the first step", () =>
  withTinyData(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    await assertFails(() => runOnReference(tinyOptions(folder, "file")), "not a folder", `${folder}/file`);
    await Deno.symlink("/nowhere/at/all", `${folder}/link`);
    await assertFails(() => runOnReference(tinyOptions(folder, "link")), "--output_dir", "cannot be written to");
  }));

Deno.test("a run whose metrics or messages fail still saves the steps that are done", () =>
  withTinyData(async (folder) => {
    const failing = quietly({
      onStep({ step }) {
        if (step === 2) throw new Error("the disk is full");
      },
    });
    await assert.rejects(
      () => train(reference.open, tinyOptions(folder, "out"), tinyTokenizer, failing, never),
      /full/,
    );
    assert.deepEqual(checkpointSteps(`${folder}/out`), [2]);
  }));

Deno.test("a run mends what a killed one left in its folder", () =>
  withTinyData(async (folder) => {
    await runOnReference(tinyOptions(folder, "out", { maxSteps: 2 }));
    await Deno.rename(`${folder}/out/model_2`, `${folder}/out/model_2.old`);
    await Deno.mkdir(`${folder}/out/model_2.partial`);
    await runOnReference(tinyOptions(folder, "out", { maxSteps: 3, resume: true }));
    assert.deepEqual([...Deno.readDirSync(`${folder}/out`)].map(({ name }) => name).sort(), [
      "metrics.jsonl",
      "model_2",
      "model_3",
    ]);
  }));

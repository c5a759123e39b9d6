/** The training loop with a trainer of numbers only: what it refuses to save. */
import { runTraining } from "../../src/train/loop.ts";
import type { StepResult, Trainer } from "../../src/train/trainer.ts";
import { assert, assertFails } from "../assert.ts";

/** Runs four steps that end in `results`; returns the saved steps beside what to wait for. */
function training(results: readonly StepResult[], stopAfter = Infinity) {
  let now = 0;
  const stop = new AbortController();
  const trainer = {
    options: { microBatchSize: 1, accumulation: 1, sequence: 1 },
    step(step: number) {
      now = step;
      if (step === stopAfter) stop.abort();
    },
    result: () => Promise.resolve(results[now - 1]),
  } as unknown as Trainer;
  const samples = { samples: 1, readBatch: () => ({ inputs: new Uint32Array(1), targets: new Uint32Array(1) }) };
  const frequencies = { loggingFreq: 100, evalFreq: 100, evalIters: 1, saveSteps: 2 };
  const options = { startStep: 0, maxSteps: 4, ...frequencies, evaluateFirst: false };
  const saved: number[] = [];
  const events = { onStep() {}, onEvaluation() {}, onSave: (step: number) => void saved.push(step) };
  const data = { train: samples, valid: null, byteLength: null };
  return { saved, run: () => runTraining(trainer, data, options, events, stop.signal) };
}

const good: StepResult = { loss: 1, gradNorm: 1, learningRate: 1 };

Deno.test("steps of finite numbers are saved", async () => {
  const { saved, run } = training([good, good, good, good]);
  assert.equal(await run(), 4);
  assert.deepEqual(saved, [2, 4]);
});

Deno.test("weights that an infinite gradient has spoiled are not saved, however finite the loss", async () => {
  const { saved, run } = training([good, good, good, { ...good, gradNorm: Infinity }]);
  await assertFails(run, "step 4", "norm of the gradient is Infinity", "--max_lr");
  assert.deepEqual(saved, [2]);
});

Deno.test("a stop after an unlogged step without a loss does not save it", async () => {
  const { saved, run } = training([good, good, { ...good, loss: NaN }, good], 3);
  await assertFails(run, "step 3", "the loss is NaN");
  assert.deepEqual(saved, [2]);
});

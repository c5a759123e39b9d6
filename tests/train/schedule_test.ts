import { learningRate } from "../../src/train/schedule.ts";
import { assert } from "../assert.ts";

const options = { maxLr: 0.00015, minLr: 0.00001, warmupRate: 0.01, decaySteps: 320_000, style: "cosine" } as const;

Deno.test("learningRate() follows warm-up, cosine and floor of the published command", () => {
  const golden: [number, number][] = [
    [1, 4.6875e-8],
    [1600, 7.5e-5],
    [3200, 1.5e-4],
    [50_000, 1.42596e-4],
    [161_600, 8.0e-5],
    [320_000, 1.0e-5],
    [400_000, 1.0e-5],
  ];
  for (const [step, expected] of golden) {
    assert.ok(Math.abs(learningRate(step, options) / expected - 1) < 1e-5, `step ${step}`);
  }
});

Deno.test("learningRate() without decay stays at its maximum after the warm-up", () => {
  const constant = { ...options, style: "none" } as const;
  assert.equal(learningRate(1600, constant), 7.5e-5);
  assert.equal(learningRate(1_000_000, constant), 1.5e-4);
});

Deno.test("learningRate() without warm-up starts at its maximum's side of the cosine", () => {
  const rate = learningRate(1, { ...options, warmupRate: 0 });
  assert.ok(rate < 1.5e-4 && rate > 1.4999e-4);
});

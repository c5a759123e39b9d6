import assert from "node:assert/strict";
import { distinctOps, opResult, profileOps, sharesByKind } from "../../src/bench/ops.ts";
import { squareMatmul } from "../../src/bench/roofline.ts";
import { leastMs, stepPrograms } from "../../src/bench/training_step.ts";
import type { Executable } from "../../src/device/device.ts";
import { DEFAULT_CONFIG } from "../../src/model/presets.ts";

const config = { ...DEFAULT_CONFIG, layers: 3, hiddenSize: 16, heads: 2, vocabSize: 50, maxPositions: 8, eosId: 49 };
const { programs } = stepPrograms({
  config: { ...config, hiddenDropout: 0, attentionDropout: 0 },
  batch: 2,
  sequence: 8,
});
const roofline = { gflops: 2, gigabytesPerSecond: 1 };

Deno.test("every op of a step is counted once, and equal ones together", () => {
  const found = distinctOps(programs);
  assert.equal(found.reduce((sum, { count }) => sum + count, 0), programs.flatMap(({ ops }) => ops).length);
  assert.equal(found.find(({ op }) => op.kind === "attention")?.count, 3);
});

Deno.test("an op's share of the roofline is its least time by its time; faster than memory means a cache", () => {
  const op = squareMatmul(64);
  const at = (ms: number) => opResult({ op, count: 1, places: [] }, ms, roofline);
  // 524,288 operations at 2 GFLOPS are 0.262 ms; 49,152 bytes at 1 GB/s are 0.049 ms.
  assert.ok(Math.abs(at(0.524288).rooflineShare - 0.5) < 1e-9);
  assert.equal(at(0.524288).cached, false);
  assert.equal(at(0.04).cached, true);
});

Deno.test("ops are timed within their Programs where the device tells, the warm-up left out", async () => {
  let rounds = 0;
  const executable = (index: number): Executable => ({
    program: programs[index],
    run() {},
    profile() {
      if (index === 0) rounds++;
      const ms = rounds === 1 ? 1000 : rounds;
      return Promise.resolve(new Float64Array(programs[index].ops.length).fill(ms));
    },
    [Symbol.dispose]() {},
  });
  const results = await profileOps([executable(0), executable(1)], roofline, 3);
  assert.equal(rounds, 4);
  for (const { ms } of results ?? []) assert.equal(ms, 3);
  const shares = sharesByKind(results ?? []);
  assert.equal(shares[0].kind, "matmul");
  assert.ok(Math.abs(shares.reduce((sum, { share }) => sum + share, 0) - 1) < 1e-12);
  const silent: Executable = { program: programs[0], run() {}, [Symbol.dispose]() {} };
  assert.equal(await profileOps([silent], roofline, 1), null);
});

Deno.test("the least time of a step is the sum of its ops' least times", () => {
  const sum = distinctOps(programs).reduce((ms, distinct) => {
    const result = opResult(distinct, 1, roofline);
    return ms + distinct.count * result.rooflineShare;
  }, 0);
  assert.ok(Math.abs(leastMs(programs, roofline) - sum) < 1e-9);
});

import assert from "node:assert/strict";
import { type Beside, readStepMs, runPeer, summarize, timeBeside } from "../../src/bench/beside.ts";
import { openReferenceDevice } from "../reference/device.ts";

const signal = new AbortController().signal;

Deno.test("the time of a step is found in what a benchmark prints", () => {
  assert.equal(readStepMs("peer params 1.3M step 470 ms tok/s 4353 GFLOPS 35\n", "p"), 470);
  assert.equal(readStepMs("step: 2.5 s", "p"), 2500);
  for (const text of ["", "step 470", "steps 470 ms", "step 0 ms"]) {
    assert.throws(() => readStepMs(text, "p"), { name: "UserError", message: /--beside 'p': did not print/ });
  }
});

Deno.test("a command that fails is named with its exit code", async () => {
  await assert.rejects(runPeer("exit 3", signal), {
    name: "CodekilnError",
    message: /'exit 3': ended with exit code 3/,
  });
});

Deno.test("both programs run in turns, and the rounds' middle counts", async () => {
  await using device = openReferenceDevice();
  let runs = 0;
  const work = { maxRuns: 4, run: (times: number) => void (runs += times) };
  const rounds: Beside[] = [];
  for await (const round of timeBeside(device, work, "echo step 12.5 ms", { rounds: 3, roundMs: 1e6, signal })) {
    rounds.push(round);
  }
  assert.deepEqual(rounds.map(({ theirsMs }) => theirsMs), [12.5, 12.5, 12.5]);
  // Two runs to see how long one takes; then in each of 3 turns a round to warm up and 3 that count, of as many runs as may be.
  assert.equal(runs, 2 + 3 * (1 + 3) * 4);
  assert.deepEqual(
    summarize([{ oursMs: 1, theirsMs: 2 }, { oursMs: 2, theirsMs: 2 }, { oursMs: 4, theirsMs: 20 }]),
    { oursMs: 2, theirsMs: 2, ratio: 2 },
  );
});

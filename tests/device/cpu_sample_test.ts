/** Sampling on the CPU where ops_test does not go: large vocabularies, ties, and logits that are no numbers. */
import { openCpuDevice } from "../../src/device/cpu/device.ts";
import { createProgram } from "../../src/program/program.ts";
import type { Sample } from "../../src/program/op.ts";
import { assert } from "../assert.ts";
import { compareWithReference, normals } from "./harness.ts";
import { sampleOp } from "./sample_op.ts";

const seed = Uint32Array.of(0x12345678, 41);

const SETTINGS: Record<string, number[]> = {
  "greedy": [1, 1, 0, 1, 1, 0, 9, 2],
  "plain": [0, 1, 0, 1, 1, 0, 9, 2],
  "top-k": [0, 1.3, 40, 1, 1, 0, 9, 2],
  "nearly all of the vocabulary": [0, 1, 997, 1, 1, 0, 9, 2],
  "top-p": [0, 1, 0, 0.6, 1, 0, 9, 2],
  "a top-p of almost 1": [0, 1, 0, 0.9999, 1, 0, 9, -1],
  "a top-p of 0": [0, 1, 0, 0, 1, 0, 9, -1],
  "everything": [0, 0.8, 10, 0.9, 1.2, 3, 4, 2],
};

const sequences = (batch: number) => Uint32Array.from({ length: batch }, (_, i) => i);

Deno.test("sampling from 300,000 tokens on cpu agrees with plain loops", async () => {
  await using device = await openCpuDevice();
  const [batch, vocabulary] = [2, 300_000];
  const logits = normals(batch * vocabulary, 51, 3);
  for (const settings of Object.values(SETTINGS)) {
    const data = { logits, seed, sequence: sequences(batch), settings: Float32Array.from(settings) };
    await compareWithReference(device, sampleOp(batch, vocabulary), { data });
  }
});

for (const plainSimd of [false, true]) {
  const build = plainSimd ? "without relaxed SIMD" : "with relaxed SIMD";
  Deno.test(`sampling among equal logits on cpu, ${build}, agrees with plain loops`, async () => {
    await using device = await openCpuDevice({ plainSimd });
    const [batch, vocabulary] = [24, 998];
    // A few values, both zeros among them: thresholds fall on ties nearly always.
    const logits = normals(batch * vocabulary, 8, 2).map((value) => Math.round(value) / 2);
    const seen = Uint32Array.from(logits, (_, i) => i % 3 === 0 ? 1 : 0);
    for (const settings of Object.values(SETTINGS)) {
      const data = { logits, seed, seen, sequence: sequences(batch), settings: Float32Array.from(settings) };
      await compareWithReference(device, sampleOp(batch, vocabulary), { data });
    }
  });
}

Deno.test("sampling among logits that differ in their last bits on cpu agrees with plain loops", async () => {
  await using device = await openCpuDevice();
  const [batch, vocabulary] = [8, 3000];
  // Neighbours among the floats from 2, each an id of its own: a threshold that is off by one bit shows in the draws.
  const bits = Uint32Array.from({ length: batch * vocabulary }, (_, i) => 0x40000000 + (i * 1009) % vocabulary);
  for (const topK of [1, 2, 3, 700, 1024, 1025, 2999]) {
    const settings = Float32Array.of(0, 1, topK, 1, 1, 0, 9, -1);
    const data = { logits: new Float32Array(bits.buffer), seed, sequence: sequences(batch), settings };
    await compareWithReference(device, sampleOp(batch, vocabulary), { data });
  }
});

async function run(
  op: Sample,
  logits: Float32Array,
  settings: number[],
): Promise<{ tokens: number[]; score: number[] }> {
  await using device = await openCpuDevice({ threads: 1 });
  device.write(op.logits, logits);
  device.write(op.settings, Float32Array.from(settings));
  device.write(op.seed, seed);
  device.write(op.sequence, sequences(op.tokens.shape[0]));
  const [executable] = await device.compile([createProgram("sample", [op])]);
  executable.run();
  const [tokens, score] = await device.read([op.tokens, op.score]);
  executable[Symbol.dispose]();
  return { tokens: [...tokens], score: [...score] };
}

Deno.test("a NaN among the logits is never sampled on cpu, and shows in the score", async () => {
  const [batch, vocabulary] = [8, 37];
  const logits = normals(batch * vocabulary, 5).map((value, i) => i % vocabulary < 20 ? NaN : value);
  for (const settings of Object.values(SETTINGS)) {
    const { tokens, score } = await run(sampleOp(batch, vocabulary), logits, settings);
    assert(tokens.every((token) => token >= 20 && token < vocabulary), `${tokens}`);
    assert(score.every(Number.isNaN), `${score}`);
  }
});

Deno.test("an infinite logit is sampled on cpu, and none of -Infinity while there is another", async () => {
  const vocabulary = 37;
  const infinite = normals(vocabulary, 5).map((value, id) => id === 30 ? Infinity : value);
  const lone = new Float32Array(vocabulary).fill(-Infinity);
  lone[31] = -7;
  for (const settings of Object.values(SETTINGS)) {
    assert.deepEqual((await run(sampleOp(1, vocabulary), infinite, settings)).tokens, [30]);
    assert.deepEqual((await run(sampleOp(1, vocabulary), lone, settings)).tokens, [31]);
  }
});

Deno.test("sampling on cpu ends with a token of the vocabulary where no logit is a number", async () => {
  const [batch, vocabulary] = [3, 37];
  for (const value of [NaN, Infinity, -Infinity]) {
    for (const settings of Object.values(SETTINGS)) {
      const { tokens } = await run(
        sampleOp(batch, vocabulary),
        new Float32Array(batch * vocabulary).fill(value),
        settings,
      );
      assert(tokens.every((token) => token < vocabulary), `${tokens}`);
    }
  }
});

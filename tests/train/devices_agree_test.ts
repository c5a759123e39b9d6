/** The same run on several devices and numbers of threads: the same bits for any number of threads, close losses on any device. */
import { createHash } from "node:crypto";
import { openCpuDevice } from "../../src/device/cpu/device.ts";
import { findBlas } from "../../src/device/cpu/blas_find.ts";
import type { Device } from "../../src/device/device.ts";
import { train } from "../../src/train/run.ts";
import { devicesAndReference } from "../device/devices.ts";
import { assert } from "../assert.ts";
import { filesOf, metricsWithoutTimes, quietly, tinyOptions, tinyTokenizer, withTinyData } from "./tiny_run.ts";

const never = new AbortController().signal;

/** Hashes of a checkpoint's files; the trainer's state names the device, its threads too. */
function hashesOf(folder: string): Map<string, string> {
  const files = [...filesOf(folder)].filter(([name]) => name !== "trainer_state.json");
  return new Map(files.map(([name, data]) => [name, createHash("sha256").update(data).digest("hex")]));
}

const blas = findBlas("auto");
const kinds = [
  { name: "relaxed SIMD", absent: false, options: {} },
  { name: "plain SIMD", absent: false, options: { plainSimd: true } },
  { name: blas ? blas.name : "a system BLAS", absent: blas === null, options: { blas } },
];

for (const { name, absent, options } of kinds) {
  Deno.test({
    name: `1, 2 and 3 threads of the CPU device give the same bits with ${name}`,
    ignore: absent,
    fn: () =>
      withTinyData(async (folder) => {
        const model = { ...tinyOptions(folder, "").model, hiddenSize: 192, heads: 3, maxSeqLen: 96 };
        for (const threads of [1, 2, 3]) {
          const open = () => openCpuDevice({ threads, ...options });
          const run = tinyOptions(folder, `${threads}`, { model, microBatchSize: 4, split: [1, 0, 0], maxSteps: 3 });
          await train(open, run, tinyTokenizer, quietly(), never);
        }
        const [one, ...others] = [1, 2, 3].map((threads) => ({
          metrics: metricsWithoutTimes(`${folder}/${threads}/metrics.jsonl`),
          files: hashesOf(`${folder}/${threads}/model_3`),
        }));
        assert.ok(one.files.size >= 6);
        for (const other of others) assert.deepEqual(other, one);
      }),
  });
}

Deno.test("all devices start from one checkpoint and stay within 1e-4 of each other's losses for 20 steps", () =>
  withTinyData(async (folder) => {
    const present = devicesAndReference.filter(({ absent }) => !absent);
    const losses = new Map<string, number[]>();
    const runFrom = async (checkpoint: string, name: string, open: () => Promise<Device>) => {
      const own: number[] = [];
      const events = quietly({ onStep: ({ loss }) => void own.push(loss) });
      const sizes = { layers: null, hiddenSize: null, heads: null, modelNameOrPath: checkpoint };
      const model = { ...tinyOptions(folder, "").model, ...sizes };
      await train(open, tinyOptions(folder, name, { model, maxSteps: 20 }), tinyTokenizer, events, never);
      losses.set(name, own);
    };
    const first = tinyOptions(folder, "first", { maxSteps: 4 });
    await train(devicesAndReference[0].open, first, tinyTokenizer, quietly(), never);
    for (const { name, open } of present) await runFrom(`${folder}/first/model_4`, name, open);
    const [[, expected], ...others] = losses;
    assert.equal(expected.length, 20);
    for (const [name, got] of others) {
      const worst = Math.max(...expected.map((loss, i) => Math.abs(loss - got[i])));
      assert.ok(worst < 1e-4, `${name} is off by ${worst}`);
    }
  }));

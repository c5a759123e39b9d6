/** What kernels on WebGPU make of values outside of the ordinary: NaN must arrive, large numbers must not become NaN. */
import { openWebGpuDevice } from "../../src/device/webgpu/device.ts";
import { type Op, writes } from "../../src/program/op.ts";
import { createProgram } from "../../src/program/program.ts";
import { persistent, type Tensor } from "../../src/program/tensor.ts";
import { assertEquals } from "./assertions.ts";
import { devices } from "./devices.ts";
import { normals } from "./harness.ts";

const ignore = devices.every(({ name, absent }) => name !== "webgpu" || absent);
const f = (name: string, ...shape: number[]): Tensor => persistent(name, shape);
const u = (name: string, ...shape: number[]): Tensor => persistent(name, shape, "u32");

async function run(op: Op, data: [Tensor, Float32Array | Uint32Array][]): Promise<Float32Array[]> {
  await using device = await openWebGpuDevice();
  for (const [tensor, values] of data) device.write(tensor, values);
  const [executable] = await device.compile([createProgram("p", [op])]);
  executable.run();
  return (await device.read(writes(op))).map((values) => Float32Array.from(values));
}

const allNaN = (values: Float32Array) => values.every(Number.isNaN);

Deno.test({
  name: "gelu and its gradient are right at the ends of the range",
  ignore,
  async fn() {
    const values = Float32Array.of(-Infinity, -1e30, -1e10, -100, 0, 100, 1e10, 1e30, Infinity, NaN, 1, -0);
    const [x, out, gradient] = [f("x", 12), f("out", 12), f("gradient", 12)];
    const [y] = await run({ kind: "gelu", x, out }, [[x, values]]);
    assertEquals([...y.slice(1, 9)].map((v) => v === 0 ? 0 : v), [
      0,
      0,
      0,
      0,
      100,
      Math.fround(1e10),
      Math.fround(1e30),
      Infinity,
    ]);
    assertEquals(Number.isNaN(y[9]), true);
    const ones = new Float32Array(12).fill(1);
    const [d] = await run({ kind: "geluBackward", x, gradient }, [[x, values], [gradient, ones]]);
    assertEquals([...d.slice(1, 9)].map((v) => v === 0 ? 0 : v), [0, 0, 0, 0.5, 1, 1, 1, 1]);
    assertEquals(Number.isNaN(d[9]), true);
  },
});

Deno.test({
  name: "one NaN shows in the sum, the norm and the clipping factor",
  ignore,
  async fn() {
    for (const count of [5, 64, 100_000]) {
      const data = normals(count, 1);
      data[count >> 1] = NaN;
      const x = f("x", count);
      assertEquals(
        allNaN((await run({ kind: "sum", x, out: f("out", 1), scale: 1, accumulate: false }, [[x, data]]))[0]),
        true,
      );
      const [norm] = await run({ kind: "globalNorm", gradients: x, out: f("out", 2), maxNorm: 1 }, [[x, data]]);
      assertEquals(allNaN(norm), true);
    }
  },
});

Deno.test({
  name: "one NaN or infinity spoils its row of a layer norm and of a loss, and no other",
  ignore,
  async fn() {
    for (const width of [5, 64, 1000]) {
      for (const value of [NaN, Infinity]) {
        const data = normals(3 * width, 1);
        data[width + 3] = value;
        const [x, logits, targets] = [f("x", 3, width), f("logits", 3, width), u("targets", 3)];
        const [out] = await run({
          kind: "layerNorm",
          x,
          weight: f("weight", width),
          bias: f("bias", width),
          out: f("out", 3, width),
          mean: f("mean", 3),
          rstd: f("rstd", 3),
          epsilon: 1e-5,
        }, [[x, data]]);
        const rowIsNaN = (values: Float32Array, row: number) => allNaN(values.slice(row * width, (row + 1) * width));
        assertEquals([0, 1, 2].map((row) => rowIsNaN(out, row)), [false, true, false]);
        const [gradient, losses] = await run(
          { kind: "crossEntropy", logits, targets, losses: f("losses", 3), gradientScale: 1 },
          [[logits, data]],
        );
        assertEquals([...losses].map(Number.isNaN), [false, true, false]);
        assertEquals([0, 1, 2].map((row) => rowIsNaN(gradient, row)), [false, true, false]);
      }
    }
  },
});

Deno.test({
  name: "a token outside of the vocabulary gives NaN, not another token's row",
  ignore,
  async fn() {
    const [tokens, wte, out] = [u("tokens", 1, 3), f("wte", 10, 4), f("out", 3, 4)];
    const [y] = await run({ kind: "embedding", tokens, wte, wpe: f("wpe", 3, 4), out }, [
      [tokens, Uint32Array.of(9, 10, 0xffffffff)],
      [wte, new Float32Array(40).fill(1)],
    ]);
    assertEquals([...y], [1, 1, 1, 1, ...new Array(8).fill(NaN)]);
  },
});

Deno.test({
  name: "logits of −∞ are never sampled, and equal logits are all kept by top-k",
  ignore,
  async fn() {
    const vocabulary = 300;
    const logits = f("logits", 64, vocabulary);
    const data = new Float32Array(64 * vocabulary).fill(-Infinity);
    const allowed = [3, 17, 255, 256, 299];
    for (let b = 0; b < 64; b++) for (const id of allowed) data[b * vocabulary + id] = 2;
    const [settings, sequence, generated] = [f("settings", 8), u("sequence", 64), u("generated", 64, 1)];
    const outputs = await run({
      kind: "sample",
      logits,
      settings,
      seed: u("seed", 2),
      sequence,
      seen: u("seen", 64, vocabulary),
      tokens: u("tokens", 64),
      positions: u("positions", 64),
      count: u("count", 64),
      finished: u("finished", 64),
      score: f("score", 64),
      generated,
      maxPositions: 100,
    }, [
      [logits, data],
      [settings, Float32Array.of(0, 1, 2, 0.3, 1, 0, 1, -1)],
      [sequence, Uint32Array.from({ length: 64 }, (_, i) => i)],
    ]);
    const chosen = new Set(outputs.at(-1));
    assertEquals([...chosen].sort((a, b) => a - b), allowed);
  },
});

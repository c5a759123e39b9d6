/**
 * Ops on adapters with small limits: bindings of 64 KiB, so that operands have to be cut into row ranges; narrow grids, folded
 * into a second dimension; and sizes at which a loop over everything would be longer than lavapipe allows.
 */
import { readFloats } from "../../src/device/device.ts";
import { openWebGpuDevice, type WebGpuOptions } from "../../src/device/webgpu/device.ts";
import { sortTokens } from "../../src/model/embedding_order.ts";
import { IGNORE, type Op } from "../../src/program/op.ts";
import { createProgram } from "../../src/program/program.ts";
import { persistent, type Tensor } from "../../src/program/tensor.ts";
import { threefry } from "../../src/program/random.ts";
import { assertEquals } from "./assertions.ts";
import { devices } from "./devices.ts";
import { compareWithReference, normals, type Tolerance } from "./harness.ts";
import { sampleOp } from "./sample_op.ts";

const ignore = devices.every(({ name, absent }) => name !== "webgpu" || absent);

const f = (name: string, ...shape: number[]): Tensor => persistent(name, shape);
const u = (name: string, ...shape: number[]): Tensor => persistent(name, shape, "u32");

function integers(count: number, limit: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, i) => threefry(8, 1, i, limit)[0] % limit);
}

function compare(name: string, options: WebGpuOptions, op: Op, tolerance: Tolerance = {}): void {
  Deno.test({
    name,
    ignore,
    async fn() {
      await using device = await openWebGpuDevice(options);
      await compareWithReference(device, op, tolerance);
    },
  });
}

const smallBindings = { maxBindingBytes: 64 * 1024 };
const narrowGrid = { maxWorkgroupsPerDimension: 150 };

function embedding(batch: number, sequence: number, vocabulary: number, positions: number, width: number) {
  const count = batch * sequence;
  const tokens = integers(count, vocabulary);
  const common = { tokens: u("tokens", batch, sequence) };
  const forward: Op = {
    kind: "embedding",
    ...common,
    start: u("start", batch),
    wte: f("wte", vocabulary, width),
    wpe: f("wpe", positions, width),
    out: f("out", count, width),
  };
  const backward: Op = {
    kind: "embeddingBackward",
    ...common,
    order: u("order", count),
    starts: u("starts", count + 1),
    dout: f("dout", count, width),
    dwte: f("dwte", vocabulary, width),
    dwpe: f("dwpe", positions, width),
  };
  return { forward, backward, data: { tokens, start: integers(batch, 7), ...sortTokens(tokens) } };
}

// The tables and rows in several ranges; width 30 has scalars and rows that start anywhere.
for (const width of [32, 30]) {
  const { forward, backward, data } = embedding(3, 400, 1500, 600, width);
  compare(`an embedding of width ${width} is looked up in ranges of rows`, smallBindings, forward, { data });
  compare(`the gradient of an embedding of width ${width} is added in ranges of rows`, smallBindings, backward, {
    data,
  });
}

for (const [rows, width] of [[700, 96], [700, 93], [40, 4093]]) {
  const x = f("x", rows, width);
  const statistics = { mean: f("mean", rows), rstd: f("rstd", rows) };
  const vectors = { weight: f("weight", width), bias: f("bias", width) };
  const shape = `[${rows}, ${width}]`;
  compare(`a layer norm of ${shape} goes in ranges of rows`, smallBindings, {
    kind: "layerNorm",
    x,
    ...vectors,
    out: f("out", rows, width),
    ...statistics,
    epsilon: 1e-5,
  });
  compare(`the gradient of a layer norm of ${shape} goes in ranges of rows`, smallBindings, {
    kind: "layerNormBackward",
    x,
    weight: vectors.weight,
    ...statistics,
    dout: f("dout", rows, width),
    dx: f("dx", rows, width),
    accumulate: true,
    dweight: f("dweight", width),
    dbias: f("dbias", width),
  });
  compare(`column sums of ${shape} go in ranges of rows`, smallBindings, {
    kind: "columnSum",
    x,
    out: f("out", width),
  });
  compare(`a sum over ${shape} goes in ranges`, smallBindings, {
    kind: "sum",
    x,
    out: f("out", 1),
    scale: 0.5,
    accumulate: true,
  });
  compare(`the norm of ${shape} goes in ranges`, smallBindings, {
    kind: "globalNorm",
    gradients: x,
    out: f("out", 2),
    maxNorm: 1,
  });
  compare(`gelu of ${shape} goes in ranges`, smallBindings, { kind: "gelu", x, out: f("out", rows, width) });
  compare(`the gradient of gelu of ${shape} goes in ranges`, smallBindings, {
    kind: "geluBackward",
    x,
    gradient: f("gradient", rows, width),
  });
  compare(`dropout of ${shape} draws the same in ranges`, smallBindings, {
    kind: "dropout",
    x,
    residual: f("residual", rows, width),
    out: f("out", rows, width),
    dropout: { rate: 0.3, stream: 2, seed: u("seed", 2) },
  }, { data: { seed: Uint32Array.of(1, 2) } });
}

for (const vocabulary of [1030, 1028]) {
  const targets = integers(130, vocabulary);
  targets[5] = targets[129] = IGNORE;
  compare(`the loss of ${vocabulary} logits goes in ranges of rows`, smallBindings, {
    kind: "crossEntropy",
    logits: f("logits", 130, vocabulary),
    targets: u("targets", 130),
    losses: f("losses", 130),
    gradientScale: 0.5,
  }, { data: { targets } });
}

compare("AdamW goes in ranges", smallBindings, {
  kind: "adamW",
  parameters: f("parameters", 40_001),
  gradients: f("gradients", 40_001),
  moment1: f("moment1", 40_001),
  moment2: f("moment2", 40_001),
  norm: f("norm", 2),
  hyper: f("hyper", 3),
  beta1: 0.9,
  beta2: 0.99,
  epsilon: 1e-8,
  decay: true,
}, {
  data: {
    moment2: normals(40_001, 3).map(Math.abs),
    norm: Float32Array.of(2, 0.5),
    hyper: Float32Array.of(0.01, 1.5, 0.001),
  },
});

compare("a cache is appended to in ranges of sequences", smallBindings, {
  kind: "cacheAppend",
  qkv: f("qkv", 5 * 3, 3 * 64),
  start: u("start", 5),
  keys: f("keys", 5, 4, 200, 16),
  values: f("values", 5, 4, 200, 16),
}, { data: { start: Uint32Array.of(0, 5, 198, 60, 199) } });

function sample(batch: number, vocabulary: number, settings: number[]): [Op, Tolerance] {
  return [sampleOp(batch, vocabulary, 4, 12), {
    data: {
      logits: normals(batch * vocabulary, 51, 3),
      settings: Float32Array.from(settings),
      sequence: Uint32Array.from({ length: batch }, (_, i) => i),
      seen: integers(batch * vocabulary, 2),
      count: new Uint32Array(batch).fill(2),
    },
  }];
}

compare(
  "tokens are chosen in ranges of sequences",
  smallBindings,
  ...sample(40, 1001, [0, 0.8, 50, 0.9, 1.2, 3, 4, 2]),
);

// The kernels for the other kind of adapter: several rows a workgroup, long reductions.
for (const software of [false, true]) {
  const kind = software ? "software adapters" : "GPUs";
  for (const [rows, width] of [[5, 4096], [9, 128], [3, 1027], [130, 36]]) {
    const statistics = { mean: f("mean", rows), rstd: f("rstd", rows) };
    compare(`a layer norm of [${rows}, ${width}] as on ${kind}`, { software }, {
      kind: "layerNorm",
      x: f("x", rows, width),
      weight: f("weight", width),
      bias: f("bias", width),
      out: f("out", rows, width),
      ...statistics,
      epsilon: 1e-5,
    });
    compare(`the gradient of a layer norm of [${rows}, ${width}] as on ${kind}`, { software }, {
      kind: "layerNormBackward",
      x: f("x", rows, width),
      weight: f("weight", width),
      ...statistics,
      dout: f("dout", rows, width),
      dx: f("dx", rows, width),
      accumulate: false,
      dweight: f("dweight", width),
      dbias: f("dbias", width),
    });
    compare(`the loss of [${rows}, ${width}] logits as on ${kind}`, { software }, {
      kind: "crossEntropy",
      logits: f("logits", rows, width),
      targets: u("targets", rows),
      losses: f("losses", rows),
      gradientScale: 0.25,
    }, { data: { targets: integers(rows, width) } });
  }
}

// Grids folded into the second dimension.
{
  const { forward, backward, data } = embedding(4, 100, 1100, 120, 20);
  compare("an embedding fits a narrow grid", narrowGrid, forward, { data });
  compare("the gradient of an embedding fits a narrow grid", narrowGrid, backward, { data });
}
compare("rows fit a narrow grid", narrowGrid, {
  kind: "layerNorm",
  x: f("x", 401, 512),
  weight: f("weight", 512),
  bias: f("bias", 512),
  out: f("out", 401, 512),
  mean: f("mean", 401),
  rstd: f("rstd", 401),
  epsilon: 1e-5,
});
compare("elements fit a narrow grid", narrowGrid, {
  kind: "dropout",
  x: f("x", 400_001),
  out: f("out", 400_001),
  dropout: { rate: 0.5, stream: 1, seed: u("seed", 2) },
});
compare("losses fit a narrow grid", narrowGrid, {
  kind: "crossEntropy",
  logits: f("logits", 151, 64),
  targets: u("targets", 151),
  losses: f("losses", 151),
  gradientScale: 1,
}, { data: { targets: integers(151, 64) } });
compare("partial sums fit a narrow grid", narrowGrid, {
  kind: "globalNorm",
  gradients: f("gradients", 3_000_000),
  out: f("out", 2),
  maxNorm: 1,
});

/** Runs one op over constant data, for sizes at which the reference would take long. */
function long(name: string, op: Op, inputs: [Tensor, Float32Array | Uint32Array][], out: Tensor, expected: number[]) {
  Deno.test({
    name,
    ignore,
    async fn() {
      await using device = await openWebGpuDevice();
      for (const [tensor, data] of inputs) device.write(tensor, data);
      const [executable] = await device.compile([createProgram("long", [op])]);
      executable.run();
      assertEquals([...(await readFloats(device, out)).slice(0, expected.length)], expected);
    },
  });
}

{
  const [x, out] = [f("x", 1 << 25), f("out", 1)];
  const ones = new Float32Array(1 << 25).fill(1);
  long("33 million elements are all summed", { kind: "sum", x, out, scale: 1, accumulate: false }, [[x, ones]], out, [
    1 << 25,
  ]);
}
{
  const [x, out] = [f("x", 300_000, 3), f("out", 3)];
  const ones = new Float32Array(900_000).fill(1);
  long("columns of 300,000 rows are all summed", { kind: "columnSum", x, out }, [[x, ones]], out, [3e5, 3e5, 3e5]);
}
{
  const count = 70_000;
  const { backward, data } = embedding(count, 1, 2, 1, 2);
  if (backward.kind !== "embeddingBackward") throw new Error("not an embedding");
  const { tokens, order, starts, dout, dwte, dwpe } = backward;
  const { order: orderData, starts: startsData } = sortTokens(new Uint32Array(count));
  const inputs: [Tensor, Float32Array | Uint32Array][] = [
    [tokens, new Uint32Array(data.tokens.length)],
    [order, orderData],
    [starts, startsData],
    [dout, new Float32Array(count * 2).fill(1)],
  ];
  long("70,000 rows of one token are all added", backward, inputs, dwte, [count, count, 0, 0]);
  long("70,000 rows of one position are all added", backward, inputs, dwpe, [count, count]);
}
compare("a vocabulary of 300,000 is wholly in the loss", {}, {
  kind: "crossEntropy",
  logits: f("logits", 1, 300_001),
  targets: u("targets", 1),
  losses: f("losses", 1),
  gradientScale: 1,
}, { data: { targets: Uint32Array.of(299_999) } });
compare(
  "a vocabulary of 300,000 is wholly sampled from",
  {},
  ...sample(1, 300_001, [0, 1, 200_000, 0.99, 1, 0, 4, -1]),
);

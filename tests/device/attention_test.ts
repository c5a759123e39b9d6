/** Attention on the CPU and on WebGPU, both kernel families of the latter, against plain loops in float64. */
import { attention, attentionBackward } from "../../src/device/webgpu/attention.ts";
import { cachedAttention } from "../../src/device/webgpu/cached_attention.ts";
import { openCpuDevice } from "../../src/device/cpu/device.ts";
import type { HostArray } from "../../src/device/device.ts";
import type { AdapterTraits, Kernel } from "../../src/device/webgpu/kernel.ts";
import { DeviceError } from "../../src/errors.ts";
import type { Attention, AttentionBackward, CachedAttention, OpKind, OpOf } from "../../src/program/op.ts";
import { operands, writes } from "../../src/program/op.ts";
import { elementCount, persistent } from "../../src/program/tensor.ts";
import { attentionKernels } from "../reference/attention_kernels.ts";
import type { ReferenceKernel } from "../reference/device.ts";
import { assertClose, normals, runOn } from "./harness.ts";
import { type KernelRunner, openKernelRunner } from "./kernel_runner.ts";

/**
 * Largest difference allowed, relative to the tensor's largest entry: a probability carries the rounding of its score (up to
 * about 8 here, so 8 · 2⁻²⁴), of exp2 on the adapter (a few 2⁻²³) and of sums of up to 130 terms; 1e-5 is 170 roundings of 2⁻²⁴.
 */
const TOLERANCE = 1e-5;

const runner = await openKernelRunner();
addEventListener("unload", () => runner?.close());

interface Shape {
  B: number;
  S: number;
  H: number;
  D: number;
  rate?: number;
}

type Data = Map<string, HostArray>;
type AttentionOp = Attention | AttentionBackward | CachedAttention;

const KERNELS = { attention, attentionBackward, cachedAttention };

function forwardOp({ B, S, H, D, rate = 0 }: Shape): Attention {
  return {
    kind: "attention",
    qkv: persistent("qkv", [B * S, 3 * H * D]),
    out: persistent("out", [B * S, H * D]),
    lse: persistent("lse", [B, H, S]),
    heads: H,
    ...(rate > 0 ? { dropout: { rate, stream: 5, seed: persistent("seed", [2], "u32") } } : {}),
  };
}

function backwardOp(op: Attention): AttentionBackward {
  const { qkv, out, lse, heads, dropout } = op;
  const gradients = { dout: persistent("dout", out.shape), dqkv: persistent("dqkv", qkv.shape) };
  return { kind: "attentionBackward", qkv, out, lse, heads, dropout, ...gradients };
}

function cachedOp({ B, S, H, D }: Shape, P: number): CachedAttention {
  return {
    kind: "cachedAttention",
    qkv: persistent("qkv", [B * S, 3 * H * D]),
    start: persistent("start", [B], "u32"),
    keys: persistent("keys", [B, H, P, D]),
    values: persistent("values", [B, H, P, D]),
    out: persistent("out", [B * S, H * D]),
  };
}

/** Runs a reference kernel; gives back what it wrote. */
function expected<K extends OpKind>(kernel: ReferenceKernel<K>, op: OpOf<K>, data: Data): Data {
  const arrays = new Map(
    operands(op).map(([name, tensor]) => {
      const empty = () => new Float32Array(elementCount(tensor.shape));
      return [tensor, { name, array: data.get(name)?.slice() ?? empty() }];
    }),
  );
  const get = (tensor: Parameters<typeof elementCount>[0] | unknown) => arrays.get(tensor as never)?.array;
  kernel(op, { f: (tensor) => get(tensor) as Float32Array, u: (tensor) => get(tensor) as Uint32Array });
  const written = new Set(writes(op));
  return new Map([...arrays].filter(([tensor]) => written.has(tensor)).map(([, { name, array }]) => [name, array]));
}

function inputs({ B, S, H, D }: Shape, scale = 1): Data {
  const seed = B * 1000003 + S * 1009 + H * 31 + D;
  return new Map<string, HostArray>([
    ["qkv", normals(B * S * 3 * H * D, seed, scale)],
    ["dout", normals(B * S * H * D, seed + 1)],
    ["seed", new Uint32Array([20261123, seed])],
  ]);
}

/** Runs an op; `stages` names the WebGPU kernels that were dispatched. */
type Run = (
  op: AttentionOp,
  data: Data,
  more?: Partial<AdapterTraits>,
) => Promise<{ outputs: Data; stages: string[] }>;

const onWebGpu = (traits: Partial<AdapterTraits>): Run => async (op, data, more = {}) => {
  if (!runner) throw new Error("no adapter");
  const kernel = KERNELS[op.kind] as Kernel<OpKind>;
  const { outputs, dispatches } = await runner.run(kernel, op, data, { ...traits, ...more });
  return { outputs, stages: dispatches.map((dispatch) => dispatch.label) };
};

const onCpu = (plainSimd: boolean): Run => async (op, data) => {
  await using device = await openCpuDevice({ threads: 2, plainSimd });
  return { outputs: await runOn(device, op, Object.fromEntries(data)), stages: [] };
};

async function compare(
  run: Run,
  op: AttentionOp,
  data: Data,
  label: string,
): Promise<{ want: Data; stages: string[] }> {
  const want = expected(attentionKernels[op.kind] as ReferenceKernel<OpKind>, op, data);
  const { outputs, stages } = await run(op, data);
  for (const [name, array] of want) {
    const got = outputs.get(name);
    if (!got) throw new Error(`${name} was not read`);
    assertClose(got, array, TOLERANCE, `${label}: ${name}`);
  }
  return { want, stages };
}

async function compareBoth(shape: Shape, run: Run): Promise<string[]> {
  const label = JSON.stringify(shape);
  const op = forwardOp(shape);
  const data = inputs(shape);
  const forward = await compare(run, op, data, label);
  for (const [name, array] of forward.want) data.set(name, array);
  const backward = await compare(run, backwardOp(op), data, label);
  return [...forward.stages, ...backward.stages];
}

/** Compiling for a software adapter takes a second or more for each shape, hence few of them, and fewer where they are slow. */
const SHAPES: (Shape & { tiles?: boolean })[] = [
  { B: 1, S: 1, H: 1, D: 16, tiles: true },
  { B: 3, S: 2, H: 2, D: 20, rate: 0.3, tiles: true },
  { B: 2, S: 3, H: 5, D: 32 },
  { B: 1, S: 17, H: 3, D: 33, rate: 0.2, tiles: true },
  { B: 2, S: 33, H: 1, D: 80 },
  { B: 1, S: 64, H: 2, D: 48 },
  { B: 1, S: 65, H: 2, D: 64, rate: 0.1, tiles: true },
  { B: 1, S: 130, H: 1, D: 16, tiles: true },
  { B: 1, S: 20, H: 2, D: 96, tiles: true },
  { B: 1, S: 40, H: 1, D: 128 },
];

interface Family {
  name: "rows" | "tiles" | "CPU threads" | "CPU threads without fused multiply-adds";
  run: Run;
  /** What the family is told of the adapter; null on the CPU. */
  traits: Partial<AdapterTraits> | null;
}

const [ROWS, TILES] = [{ software: true }, { software: false }];
const FAMILIES: Family[] = [
  { name: "rows", run: onWebGpu(ROWS), traits: ROWS },
  { name: "tiles", run: onWebGpu(TILES), traits: TILES },
  { name: "CPU threads", run: onCpu(false), traits: null },
  { name: "CPU threads without fused multiply-adds", run: onCpu(true), traits: null },
];

/** Shapes of several blocks of queries and keys, and of several ranges of keys; too slow for a software adapter. */
const LONG_SHAPES: Shape[] = [
  { B: 1, S: 300, H: 2, D: 20, rate: 0.2 },
  { B: 1, S: 530, H: 1, D: 128 },
  { B: 1, S: 700, H: 1, D: 33, rate: 0.1 },
  { B: 2, S: 71, H: 1, D: 200 },
];

/** Rows of each sequence, positions and where each sequence stands; the last row may lie past the cache's end. */
const CACHED: { shape: Shape; positions: number; start: number[] }[] = [
  { shape: { B: 3, S: 1, H: 2, D: 16 }, positions: 2300, start: [0, 2299, 700] },
  { shape: { B: 2, S: 1, H: 3, D: 33 }, positions: 70, start: [69, 31] },
  { shape: { B: 2, S: 3, H: 1, D: 20 }, positions: 9, start: [0, 8] },
  { shape: { B: 2, S: 40, H: 2, D: 16 }, positions: 64, start: [0, 30] },
];

/** Ranges of these sequences start aligned; those of `ODD` do not, and its dropout must count sequences over the whole batch. */
const EVEN: Shape = { B: 5, S: 32, H: 4, D: 16 };
const ODD: Shape = { B: 5, S: 33, H: 3, D: 16, rate: 0.25 };

function floats(data: ReadonlyMap<string, HostArray>, name: string): Float32Array {
  const array = data.get(name);
  if (!(array instanceof Float32Array)) throw new Error(`${name} was not written`);
  return array as Float32Array;
}

for (const { name, run, traits } of FAMILIES) {
  const test = (title: string, body: () => Promise<void>) =>
    Deno.test({ name: `attention by ${name} ${title}`, ignore: traits !== null && runner === null, fn: body });

  for (
    const { tiles, ...shape } of traits
      ? SHAPES
      : [...SHAPES, ...LONG_SHAPES.map((long) => ({ ...long, tiles: false }))]
  ) {
    if (name === "tiles" && !tiles) continue;
    const { B, S, H, D, rate } = shape;
    test(`equals plain loops for B ${B}, S ${S}, H ${H}, D ${D}${rate ? `, dropout ${rate}` : ""}`, async () => {
      const stages = await compareBoth(shape, run);
      for (const stage of stages) if (!stage.endsWith(name)) throw new Error(`${stage} was run`);
    });
  }

  for (const { shape, positions, start } of CACHED) {
    const { S, D } = shape;
    test(`over a cache equals plain loops for S ${S}, D ${D}, P ${positions}`, async () => {
      const op = cachedOp(shape, positions);
      const data = inputs(shape);
      data.set("start", new Uint32Array(start));
      for (const part of ["keys", "values"] as const) {
        data.set(part, normals(elementCount(op[part].shape), part.length));
      }
      await compare(run, op, data, `cache ${S} ${D}`);
    });
  }

  test("stays finite and right where scores reach ±100", async () => {
    const op = forwardOp(EVEN);
    // Scores have a standard deviation of 5.5² = 30, so that the largest of some thousand are about ±100.
    const data = inputs(EVEN, 5.5);
    const want = expected(attentionKernels.attention, op, data);
    const { outputs } = await run(op, data);
    // A score of 100 is rounded by up to 2⁻¹⁸, and so, relatively, is its probability.
    assertClose(floats(outputs, "out"), floats(want, "out"), 4e-5, "out");
    assertClose(floats(outputs, "lse"), floats(want, "lse"), TOLERANCE, "lse");
    for (const [part, array] of want) data.set(part, array);
    const gradients = await run(backwardOp(op), data);
    const right = expected(attentionKernels.attentionBackward, backwardOp(op), data);
    assertClose(floats(gradients.outputs, "dqkv"), floats(right, "dqkv"), 4e-5, "dqkv");
  });

  test("lets NaN and infinity through", async () => {
    for (const bad of [NaN, Infinity]) {
      const op = forwardOp(EVEN);
      const data = inputs(EVEN);
      const qkv = floats(data, "qkv");
      qkv[20 * 3 * EVEN.H * EVEN.D] = bad; // q of row 20, head 0
      const { outputs } = await run(op, data);
      const width = EVEN.H * EVEN.D;
      const out = floats(outputs, "out");
      if (Number.isFinite(out[20 * width])) throw new Error(`${bad} became ${out[20 * width]}`);
      if (!Number.isFinite(out[19 * width]) || !Number.isFinite(out[20 * width + EVEN.D])) {
        throw new Error("it spread");
      }
    }
  });

  test("gives the same bits twice, and in batch ranges that small bindings force", async () => {
    const shape = name === "rows" ? ODD : EVEN;
    const op = forwardOp(shape);
    const data = inputs(shape);
    const perSequence = shape.S * 3 * shape.H * shape.D * 4;
    const small = { maxBindingBytes: perSequence * 2 + 256 };
    const whole = await run(op, data);
    for (const more of [{}, small]) {
      const again = await run(op, data, more);
      const ranges = "maxBindingBytes" in more ? 3 : 1;
      if (traits && again.stages.length !== ranges) throw new Error(`${again.stages.length} ranges`);
      for (const part of ["out", "lse"]) assertClose(floats(again.outputs, part), floats(whole.outputs, part), 0, part);
    }
    for (const [part, array] of whole.outputs) data.set(part, array);
    const gradients = await run(backwardOp(op), data);
    for (const more of [{}, small]) {
      const again = await run(backwardOp(op), data, more);
      assertClose(floats(again.outputs, "dqkv"), floats(gradients.outputs, "dqkv"), 0, "dqkv");
    }
  });

  test("gives gradients that agree with differences of its own output", async () => {
    const op = forwardOp(EVEN);
    const data = inputs(EVEN);
    const loss = async () => {
      const { outputs } = await run(op, data);
      const dout = floats(data, "dout");
      return { outputs, value: floats(outputs, "out").reduce((sum, y, i) => sum + y * dout[i], 0) };
    };
    for (const [part, array] of (await loss()).outputs) data.set(part, array);
    const gradients = floats((await run(backwardOp(op), data)).outputs, "dqkv");
    const qkv = floats(data, "qkv");
    const width = EVEN.H * EVEN.D;
    // One element each of q, k and v of early and late rows. The central difference of a float32 sum of some thousand
    // terms of size 1 with step 2⁻⁵ is right to about 2⁻¹⁰ of cubic terms and √10000 · 2⁻²³ · 2⁴ of rounding.
    for (const row of [0, 16, 31]) {
      for (const part of [0, 1, 2]) {
        const at = (row * 3 + part) * width + 3;
        const [kept, step] = [qkv[at], 2 ** -5];
        qkv[at] = kept + step;
        const above = (await loss()).value;
        qkv[at] = kept - step;
        const below = (await loss()).value;
        qkv[at] = kept;
        const difference = (above - below) / (2 * step);
        if (Math.abs(difference - gradients[at]) > 5e-3) {
          throw new Error(`${difference} against ${gradients[at]} at ${at}`);
        }
      }
    }
  });

  // WebGPU lets it spread within a tile: there a weight of 0 still multiplies it.
  if (!traits) {
    test("keeps a NaN of a later key and value away from earlier queries", async () => {
      const op = forwardOp(EVEN);
      const data = inputs(EVEN);
      const qkv = floats(data, "qkv");
      const width = EVEN.H * EVEN.D;
      qkv[20 * 3 * width + width] = NaN; // k of row 20, head 0
      qkv[20 * 3 * width + 2 * width] = Infinity; // v
      const out = floats((await run(op, data)).outputs, "out");
      for (let row = 0; row < EVEN.S; row++) {
        if (Number.isFinite(out[row * width]) !== row < 20) throw new Error(`row ${row} is ${out[row * width]}`);
      }
    });
    continue;
  }

  test("says what does not fit where one sequence is larger than a binding", () => {
    const op = forwardOp(EVEN);
    try {
      attention.dispatches(op, { ...(runner as KernelRunner).traits, ...traits, maxBindingBytes: 1024 });
    } catch (error) {
      if (error instanceof DeviceError && error.message.includes("24576") && error.message.includes("1024")) {
        return Promise.resolve();
      }
      throw error;
    }
    throw new Error("nothing was thrown");
  });
}

Deno.test({
  name: "attention falls back to rows where hardware has too little shared memory for tiles",
  ignore: runner === null,
  fn: async () => {
    const stages = await compareBoth({ B: 2, S: 70, H: 2, D: 18 }, onWebGpu({ ...TILES, maxWorkgroupBytes: 1024 }));
    for (const stage of stages) if (!stage.endsWith("rows")) throw new Error(`${stage} was run`);
  },
});

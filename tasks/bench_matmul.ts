/**
 * Measures matrix products on the WebGPU adapter at hand: billions of floating-point operations a second by shape, layout and
 * kernel, and the share of time a first use takes for compiling.
 */
import { optionTable, type OptionValues } from "../src/cli/options.ts";
import { adapterName, adapterTraits, requestAdapter, requestDevice } from "../src/device/webgpu/adapter.ts";
import type { AdapterTraits, Dispatch } from "../src/device/webgpu/kernel.ts";
import { matmul } from "../src/device/webgpu/matmul.ts";
import { chooseVariant, type Variant } from "../src/device/webgpu/matmul_variant.ts";
import type { Matmul } from "../src/program/op.ts";
import { alignUp, elementCount, persistent, type Tensor } from "../src/program/tensor.ts";
import { UserError } from "../src/errors.ts";
import { runBench } from "./bench_options.ts";

const options = optionTable({
  family: { type: "enum", values: ["software", "gpu"], help: "Kernels to take; default: what the adapter is" },
  ms: { type: "number", default: 600, above: 0, help: "How long to measure each product, in milliseconds" },
  shape: { type: "list", placeholder: "M N K", help: "Rows, columns and inner size of one product; default: several" },
});

/** Rows, columns and inner sizes: a small model's layers and head, decoding, a long sum, a large square. */
const SHAPES: readonly (readonly [m: number, n: number, k: number])[] = [
  [2048, 384, 128],
  [2048, 128, 512],
  [2048, 1152, 384],
  [2048, 1536, 384],
  [2048, 384, 1536],
  [1024, 4096, 128],
  [384, 384, 2048],
  [256, 5027, 384],
  [1, 1536, 384],
  [8, 4096, 384],
];
const LAYOUTS = ["NN", "NT", "TN"] as const;

interface Bench {
  readonly device: GPUDevice;
  readonly traits: AdapterTraits;
  /** How long to measure each product, in ms. */
  readonly milliseconds: number;
}

interface Measured {
  readonly gflops: number;
  readonly milliseconds: number;
  readonly compileMs: number;
}

function createBuffer(device: GPUDevice, elements: number): GPUBuffer {
  return device.createBuffer({ size: Math.max(256, alignUp(elements) * 4), usage: GPUBufferUsage.STORAGE });
}

function prepare(
  device: GPUDevice,
  dispatches: readonly Dispatch[],
  buffers: ReadonlyMap<Tensor | "scratch", GPUBuffer>,
) {
  return dispatches.map(({ source, bindings, workgroups }) => {
    const module = device.createShaderModule({ code: source });
    const pipeline = device.createComputePipeline({ layout: "auto", compute: { module, entryPoint: "main" } });
    const entries = bindings.map(({ of, offset = 0, elements }, binding) => {
      const buffer = buffers.get(of);
      if (!buffer) throw new Error("a binding of a tensor that is no operand");
      const size = elements === undefined ? buffer.size - offset * 4 : elements * 4;
      return { binding, resource: { buffer, offset: offset * 4, size } };
    });
    return { pipeline, group: device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }), workgroups };
  });
}

/** Times an op: the best of several batches, since other processes only ever make it slower. */
async function measure(op: Matmul, { device, traits, milliseconds }: Bench): Promise<Measured> {
  const buffers = new Map<Tensor | "scratch", GPUBuffer>();
  for (const tensor of [op.a, op.b, op.out]) buffers.set(tensor, createBuffer(device, elementCount(tensor.shape)));
  buffers.set("scratch", createBuffer(device, matmul.scratch?.(op, traits) ?? 0));
  const started = performance.now();
  const steps = prepare(device, matmul.dispatches(op, traits), buffers);
  const run = async (times: number): Promise<number> => {
    const start = performance.now();
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (let i = 0; i < times; i++) {
      for (const { pipeline, group, workgroups } of steps) {
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, group);
        pass.dispatchWorkgroups(...workgroups);
      }
    }
    pass.end();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    return (performance.now() - start) / times;
  };
  await run(1);
  const compileMs = performance.now() - started;
  // Waiting costs up to 11 ms in Deno, so a batch must take much longer than that.
  let times = 1;
  for (let each = await run(1); each * times < milliseconds / 3; each = await run(times)) times *= 4;
  let best = Infinity;
  for (let i = 0; i < 3; i++) best = Math.min(best, await run(times));
  for (const buffer of buffers.values()) buffer.destroy();
  const [m, n] = op.out.shape;
  const k = op.transA ? op.a.shape[0] : op.a.shape[1];
  return { gflops: 2 * m * n * k / best / 1e6, milliseconds: best, compileMs };
}

function describeVariant(variant: Variant): string {
  switch (variant.kind) {
    case "registers":
      return `registers ${variant.rows}×${4 * variant.lanes}${variant.subgroups ? "" : ", no subgroups"}`;
    case "tiles":
      return `tiles ${variant.tileM}×${variant.tileN}${variant.slices > 1 ? ` × ${variant.slices} slices` : ""}`;
    case "thin":
      return `thin, ${variant.threads} threads, ${4 * variant.columns} columns`;
    default:
      return variant satisfies never;
  }
}

/** The shapes that the option names. @throws UserError where it is not three sizes */
function shapesOf(words: readonly string[]): typeof SHAPES {
  if (words.length === 0) return SHAPES;
  const [m, n, k, ...more] = words.map(Number);
  if (![m, n, k].every((size) => Number.isSafeInteger(size) && size > 0) || more.length > 0) {
    throw new UserError(`"${words.join(" ")}"`, { where: "--shape", expected: "three sizes, as in 2048 384 128" });
  }
  return [[m, n, k]];
}

async function run(values: OptionValues<typeof options>): Promise<boolean> {
  const shapes = shapesOf(values.shape);
  const adapter = await requestAdapter();
  const device = await requestDevice(adapter);
  device.addEventListener("uncapturederror", (event) => {
    throw new Error((event as GPUUncapturedErrorEvent).error.message);
  });
  const own = adapterTraits(adapter, device);
  const traits = { ...own, software: values.family === null ? own.software : values.family === "software" };
  const bench: Bench = { device, traits, milliseconds: values.ms };
  console.log(`${adapterName(adapter)}${own.software ? " (software)" : ""}`);
  console.log(
    "M × N × K".padEnd(20),
    "    ",
    "GFLOPS".padStart(9),
    "ms".padStart(9),
    "first, ms".padStart(10),
    " kernel",
  );
  for (const [m, n, k] of shapes) {
    for (const layout of LAYOUTS) {
      const transA = layout === "TN";
      const transB = layout === "NT";
      const result = await measure({
        kind: "matmul",
        a: persistent("a", transA ? [k, m] : [m, k]),
        b: persistent("b", transB ? [n, k] : [k, n]),
        out: persistent("out", [m, n]),
        transA,
        transB,
        accumulate: false,
      }, bench);
      console.log(
        `${m} × ${n} × ${k}`.padEnd(20),
        layout.padEnd(4),
        result.gflops.toFixed(1).padStart(9),
        result.milliseconds.toFixed(2).padStart(9),
        result.compileMs.toFixed(0).padStart(10),
        "",
        describeVariant(chooseVariant({ m, n, k, transA, transB }, traits)),
      );
    }
  }
  device.destroy();
  return true;
}

if (import.meta.main) {
  await runBench({
    command: "deno run -A tasks/bench_matmul.ts",
    description:
      "Measures matrix products on the WebGPU adapter at hand: billions of operations a second by shape, layout and kernel.",
    options,
    example: "--shape 2048 384 128",
    run,
  });
}

/** `codekiln bench`: times the kernels and whole steps of a model on a device, beside the device's measured roofline. */

import { type Beside, summarize, timeBeside } from "../bench/beside.ts";
import { prepareDecoding } from "../bench/decoding.ts";
import { timeOp, timeWorkload } from "../bench/measure.ts";
import { opResult, profileOps, timeOps } from "../bench/ops.ts";
import { measureRoofline, type Roofline, squareMatmul } from "../bench/roofline.ts";
import { leastMs, prepareTrainingStep, stepPrograms } from "../bench/training_step.ts";
import type { Device } from "../device/device.ts";
import type { BenchOptions } from "./bench_options.ts";
import { type BenchReport, createBenchReport } from "./bench_report.ts";
import type { CommandContext } from "./command.ts";
import { openNotedDevice } from "./open_device.ts";

interface Bench {
  readonly device: Device;
  readonly roofline: Roofline;
  readonly options: BenchOptions;
  readonly report: BenchReport;
  readonly signal: AbortSignal;
}

export async function runBench(options: BenchOptions, context: CommandContext): Promise<void> {
  const { only, beside, rounds, round_ms: roundMs } = options;
  await using device = await openNotedDevice(options, context.note);
  const report = createBenchReport(context.write, options.json);
  const roofline = await measureRoofline(device, { rounds, roundMs });
  await report.device(device.name, roofline);
  const bench: Bench = { device, roofline, options, report, signal: context.signal };
  if (only === "gemm") return await benchGemm(bench);
  if (beside !== null) return await benchBeside(bench, beside);
  if (only !== "decode") await benchStep(bench);
  if (only !== "step") await benchDecoding(bench);
}

function effortOf({ options }: Bench) {
  return { rounds: options.rounds, roundMs: options.round_ms };
}

function stepShape({ config, micro_batch_size: batch, max_seq_len: sequence }: BenchOptions) {
  return { config, batch, sequence };
}

async function benchGemm(bench: Bench): Promise<void> {
  const { device, roofline, report, signal } = bench;
  await report.section("square matrix products");
  for (const size of [256, 512, 1024, 2048]) {
    for (const layout of ["NN", "NT", "TN"] as const) {
      signal.throwIfAborted();
      const op = squareMatmul(size, layout);
      const { medianMs } = await timeOp(device, op, effortOf(bench));
      await report.op(opResult({ op, count: 1, places: [] }, medianMs, roofline), "gemm");
    }
  }
}

async function benchStep(bench: Bench): Promise<void> {
  const { device, roofline, report, options, signal } = bench;
  const shape = stepShape(options);
  const alone = device.kind !== "cpu";
  await report.section(`training step of ${shape.batch} × ${shape.sequence} tokens`, alone);
  if (alone) {
    for await (const result of timeOps(device, stepPrograms(shape).programs, roofline, effortOf(bench))) {
      signal.throwIfAborted();
      await report.op(result, "step");
    }
  }
  using step = await prepareTrainingStep(device, shape);
  if (!alone) {
    const results = await profileOps(step.executables, roofline, options.rounds);
    for (const result of results ?? []) await report.op(result, "step");
  }
  signal.throwIfAborted();
  const { medianMs: ms } = await timeWorkload(device, step, effortOf(bench));
  await report.total("step", {
    ms,
    tokens: shape.batch * shape.sequence,
    gflops: step.cost.flops / ms / 1e6,
    rooflineShare: leastMs(step.programs, roofline) / ms,
    parameters: step.parameters,
    ...step.memory,
  });
}

async function benchDecoding(bench: Bench): Promise<void> {
  const { device, roofline, report, options, signal } = bench;
  signal.throwIfAborted();
  using decoding = await prepareDecoding(device, options.config);
  await report.section(`decoding one sequence, context ${options.config.maxPositions >> 1}`);
  const { medianMs: ms } = await timeWorkload(device, decoding, effortOf(bench));
  // A profile goes on from where a run has set the position; fewer rounds than runs keep the sequence from ending.
  decoding.run(1);
  const rounds = Math.min(options.rounds, decoding.maxRuns - 2);
  const results = rounds > 0 ? await profileOps([decoding.executable], roofline, rounds) : null;
  for (const result of results ?? []) await report.op(result, "decode");
  const { program } = decoding.executable;
  await report.total("decode", {
    ms,
    tokens: 1,
    rooflineShare: leastMs([program], roofline) / ms,
    weightGigabytesPerSecond: decoding.weightBytes / ms / 1e6,
  });
}

async function benchBeside(bench: Bench, command: string): Promise<void> {
  const { device, report, options, signal } = bench;
  const shape = stepShape(options);
  await report.section(`training step of ${shape.batch} × ${shape.sequence} tokens, in turns with ${command}`);
  using step = await prepareTrainingStep(device, shape);
  const rounds: Beside[] = [];
  for await (const round of timeBeside(device, step, command, { ...effortOf(bench), signal })) {
    rounds.push(round);
    await report.beside(round);
  }
  await report.besideSummary(summarize(rounds));
}

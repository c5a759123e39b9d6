/** Times the ops of a model's training step one by one, the whole step, and a decoding step. */
import type { Device } from "../device/device.ts";
import type { GptConfig } from "../model/config.ts";
import { buildDecode, createGenerationState } from "../model/generation_programs.ts";
import { buildMicroStep, buildUpdate, createModel, createOptimizer } from "../model/training_programs.ts";
import { opCost, programCost } from "../program/cost.ts";
import { type Op, operands } from "../program/op.ts";
import { persistentStorages, type Program } from "../program/program.ts";
import { type Effort, timeOp, timeProgram } from "./measure.ts";
import { type Roofline, rooflineMs } from "./roofline.ts";

/** One line of a benchmark. */
export interface BenchResult {
  /** Op kind with what sets it apart (`matmul NT`), or a Program's name. */
  name: string;
  /** Shapes of the operands that matter. */
  shape: string;
  /** Times that it occurs in a training step; 0 for whole Programs. */
  count: number;
  ms: number;
  gflops: number;
  gigabytesPerSecond: number;
  /** Least time by the measured roofline / time. */
  rooflineShare: number;
}

/** A model and the batch to time it with. */
export interface BenchOptions {
  config: GptConfig;
  batch: number;
  sequence: number;
  effort: Effort;
}

function nameOf(op: Op): string {
  if (op.kind !== "matmul") return op.kind;
  const extras = [op.bias && "bias", op.activation, op.residual && "residual", op.accumulate && "accumulate"];
  return ["matmul", (op.transA ? "T" : "N") + (op.transB ? "T" : "N"), ...extras.filter(Boolean)].join(" ");
}

function shapeOf(op: Op): string {
  if (op.kind === "matmul") {
    const inner = op.transA ? op.a.shape[0] : op.a.shape[1];
    return `${op.out.shape.join("×")}×${inner}`;
  }
  const [[, first]] = operands(op);
  return op.kind === "embedding" || op.kind === "embeddingBackward"
    ? operands(op).find(([name]) => name === "out" || name === "dout")?.[1].shape.join("×") ?? ""
    : first.shape.join("×");
}

/** Distinct ops of Programs, each with how often it occurs. */
function distinctOps(programs: readonly Program[]): Map<string, { op: Op; count: number }> {
  const found = new Map<string, { op: Op; count: number }>();
  for (const op of programs.flatMap(({ ops }) => ops)) {
    const key = `${nameOf(op)} ${operands(op).map(([name, { shape }]) => `${name}${shape}`)}`;
    const known = found.get(key);
    if (known) known.count++;
    else found.set(key, { op, count: 1 });
  }
  return found;
}

/** Times everything; results come as they are measured. */
export async function* benchModel(
  device: Device,
  { config, batch, sequence, effort }: BenchOptions,
  roofline: Roofline,
): AsyncGenerator<BenchResult> {
  const result = (name: string, shape: string, count: number, ms: number, ops: readonly Op[]): BenchResult => {
    const { flops, bytes } = programCost({ name, ops });
    const leastMs = ops.reduce((sum, op) => sum + rooflineMs(opCost(op), roofline), 0);
    const rates = { gflops: flops / ms / 1e6, gigabytesPerSecond: bytes / ms / 1e6 };
    return { name, shape, count, ms, ...rates, rooflineShare: leastMs / ms };
  };
  const model = createModel(config);
  const optimizer = createOptimizer(model.table);
  const micro = buildMicroStep(model, optimizer, { batch, sequence }, 1);
  const update = buildUpdate(model, optimizer, { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, maxNorm: 1 });
  const training = [micro.program, update.program];
  // Runs of equal tokens would be the worst case of the embedding's backward pass, and not a usual one.
  device.write(micro.starts, Uint32Array.from({ length: batch * sequence + 1 }, (_, i) => i));
  device.write(micro.order, Uint32Array.from({ length: batch * sequence }, (_, i) => i));
  for (const { op, count } of distinctOps(training).values()) {
    const { medianMs } = await timeOp(device, op, effort);
    yield result(nameOf(op), shapeOf(op), count, medianMs, [op]);
  }
  const shape = `${batch}×${sequence}`;
  for (const program of training) {
    const { medianMs } = await timeProgram(device, program, effort);
    yield result(program.name, shape, 0, medianMs, program.ops);
  }
  device.free(persistentStorages(training).filter((storage) => storage !== model.weights.whole.storage));
  const state = createGenerationState(model, { batch: 1, positions: config.maxPositions, maxNew: 1 });
  const decode = buildDecode(model, state);
  // Half of the context is filled; the sequence ends with its first token, so every run is at the same position.
  device.write(state.settings, Float32Array.of(1, 1, 0, 1, 1, 0, 1, -1));
  device.write(state.position, Uint32Array.of(config.maxPositions >> 1));
  const { medianMs } = await timeProgram(device, decode, effort);
  yield result(decode.name, "1×1", 0, medianMs, decode.ops);
  device.free(persistentStorages([decode]));
}

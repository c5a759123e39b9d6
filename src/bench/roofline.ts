/**
 * The measured roofline of a device (Williams, Waterman & Patterson 2009): the highest rate of floating-point operations and of
 * memory traffic that this program's own kernels reach on it. A share of it says how good a kernel is beside the best one here,
 * not beside a data sheet. The streams are larger than any cache, so an op whose operands stay in one can beat the roofline.
 */
import type { Device } from "../device/device.ts";
import { opCost } from "../program/cost.ts";
import type { Op } from "../program/op.ts";
import { persistent } from "../program/tensor.ts";
import { type Effort, timeOp } from "./measure.ts";

export interface Roofline {
  /** 10⁹ floating-point operations a second. */
  gflops: number;
  /** 10⁹ bytes a second. */
  gigabytesPerSecond: number;
}

/** Square products of a size that any device can fill, yet small enough for a slow one. */
const MATMUL_SIZES = [512, 1024];
/** Elements of an operand of the streaming tests: 134 MB. */
const STREAM_ELEMENTS = 1 << 25;

/** A matrix product of two square matrices. */
export function squareMatmul(size: number, layout: "NN" | "NT" | "TN" = "NN"): Op {
  const matrix = (name: string) => persistent(name, [size, size]);
  const operands = { a: matrix("a"), b: matrix("b"), out: matrix("out") };
  const [transA, transB] = [layout === "TN", layout === "NT"];
  return { kind: "matmul", ...operands, transA, transB, accumulate: false };
}

/** Reads memory. */
function readStream(): Op {
  const gradients = persistent("gradients", [STREAM_ELEMENTS]);
  return { kind: "globalNorm", gradients, out: persistent("out", [2]), maxNorm: 1 };
}

/** Reads two operands and writes one. */
function copyStream(): Op {
  const tensor = (name: string) => persistent(name, [STREAM_ELEMENTS / 1024, 1024]);
  const seed = persistent("seed", [2], "u32");
  const dropout = { rate: 0, stream: 0, seed };
  return { kind: "dropout", x: tensor("x"), residual: tensor("residual"), out: tensor("out"), dropout };
}

/** The roofline is what all else is compared with: it gets at least so many rounds. */
const LEAST_ROUNDS = 5;

/** Measures a device's roofline. */
export async function measureRoofline(device: Device, { rounds, roundMs }: Effort): Promise<Roofline> {
  const effort = { rounds: Math.max(rounds, LEAST_ROUNDS), roundMs };
  const best = { gflops: 0, gigabytesPerSecond: 0 };
  for (const size of MATMUL_SIZES) {
    const op = squareMatmul(size);
    const { minMs } = await timeOp(device, op, effort);
    best.gflops = Math.max(best.gflops, opCost(op).flops / minMs / 1e6);
  }
  for (const op of [readStream(), copyStream()]) {
    const { minMs } = await timeOp(device, op, effort);
    best.gigabytesPerSecond = Math.max(best.gigabytesPerSecond, opCost(op).bytes / minMs / 1e6);
  }
  return best;
}

/** The least time in ms that the roofline allows for a cost. */
export function rooflineMs({ flops, bytes }: { flops: number; bytes: number }, roofline: Roofline): number {
  return Math.max(flops / roofline.gflops, bytes / roofline.gigabytesPerSecond) / 1e6;
}

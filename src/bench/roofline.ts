/**
 * The measured roofline of a device (Williams, Waterman & Patterson 2009): the highest rate of floating-point operations and of
 * memory traffic that this program's own kernels reach on it. A share of it says how good a kernel is beside the best one here,
 * not beside a data sheet.
 */
import type { Device } from "../device/device.ts";
import type { Op } from "../program/op.ts";
import { opCost } from "../program/cost.ts";
import { createProgram } from "../program/program.ts";
import { persistent } from "../program/tensor.ts";
import { type Effort, freePrograms, timeProgram } from "./measure.ts";

export interface Roofline {
  /** 10⁹ floating-point operations a second. */
  gflops: number;
  /** 10⁹ bytes a second. */
  gigabytesPerSecond: number;
}

/** Square products of a size that any device can fill, yet small enough for a slow one. */
const MATMUL_SIZES = [512, 1024];
/** Elements of the streaming test: 64 MB read and written. */
const STREAM_ELEMENTS = 1 << 23;

function square(size: number): Op {
  const matrix = (name: string) => persistent(`bench.${name}`, [size, size]);
  const operands = { a: matrix("a"), b: matrix("b"), out: matrix("out") };
  return { kind: "matmul", ...operands, transA: false, transB: false, accumulate: false };
}

function stream(): Op {
  const half = [STREAM_ELEMENTS / 1024, 1024];
  const seed = persistent("bench.seed", [2], "u32");
  const x = persistent("bench.x", half);
  return {
    kind: "dropout",
    x,
    residual: persistent("bench.residual", half),
    out: persistent("bench.out", half),
    dropout: { rate: 0, stream: 0, seed },
  };
}

/** Measures a device's roofline. */
export async function measureRoofline(device: Device, effort: Effort): Promise<Roofline> {
  const best = { gflops: 0, gigabytesPerSecond: 0 };
  for (const op of [...MATMUL_SIZES.map(square), stream()]) {
    const program = createProgram("roofline", [op]);
    const { minMs } = await timeProgram(device, program, effort);
    freePrograms(device, [program]);
    const { flops, bytes } = opCost(op);
    if (op.kind === "matmul") best.gflops = Math.max(best.gflops, flops / minMs / 1e6);
    best.gigabytesPerSecond = Math.max(best.gigabytesPerSecond, bytes / minMs / 1e6);
  }
  return best;
}

/** The least time in ms that the roofline allows for a cost. */
export function rooflineMs({ flops, bytes }: { flops: number; bytes: number }, roofline: Roofline): number {
  return Math.max(flops / roofline.gflops, bytes / roofline.gigabytesPerSecond) / 1e6;
}

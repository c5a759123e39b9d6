/** The distinct ops of Programs: their names and shapes for people, how often each occurs, and how long it takes. */
import type { Device, Executable } from "../device/device.ts";
import { opCost } from "../program/cost.ts";
import { type Op, operands, type OpKind } from "../program/op.ts";
import type { Program } from "../program/program.ts";
import { type Effort, median, timeOp } from "./measure.ts";
import { type Roofline, rooflineMs } from "./roofline.ts";

/** An op that occurs in Programs with the same operand shapes one or several times. */
export interface DistinctOp {
  readonly op: Op;
  readonly count: number;
  /** Where it stands: the Program's index, and the op's in it. */
  readonly places: readonly (readonly [program: number, op: number])[];
}

/** How long a distinct op takes. */
export interface OpResult {
  /** Op kind with what sets it apart: `matmul NT`. */
  readonly name: string;
  readonly opKind: OpKind;
  /** Shapes of the operands that matter. */
  readonly shape: string;
  /** Times that it occurs. */
  readonly count: number;
  /** Of one of them. */
  readonly ms: number;
  readonly gflops: number;
  readonly gigabytesPerSecond: number;
  /** Least time by the measured roofline / time. Above 1 where the operands come from a cache. */
  readonly rooflineShare: number;
  /** Whether it took less time than reading its operands from memory would. */
  readonly cached: boolean;
}

function nameOf(op: Op): string {
  const accumulate = "accumulate" in op && op.accumulate && "accumulate";
  if (op.kind !== "matmul") return accumulate ? `${op.kind} ${accumulate}` : op.kind;
  const extras = [op.bias && "bias", op.activation, op.residual && "residual", accumulate];
  return ["matmul", (op.transA ? "T" : "N") + (op.transB ? "T" : "N"), ...extras.filter(Boolean)].join(" ");
}

function shapeOf(op: Op): string {
  if (op.kind === "matmul") {
    const inner = op.transA ? op.a.shape[0] : op.a.shape[1];
    return `${op.out.shape.join("×")}×${inner}`;
  }
  if (op.kind === "embedding") return op.out.shape.join("×");
  if (op.kind === "embeddingBackward") return op.dout.shape.join("×");
  if (op.kind === "cachedAttention" || op.kind === "cacheAppend") return op.keys.shape.join("×");
  const [[, first]] = operands(op);
  return first.shape.join("×");
}

/** Finds the distinct ops of Programs. */
export function distinctOps(programs: readonly Program[]): DistinctOp[] {
  const found = new Map<string, { op: Op; places: [number, number][] }>();
  for (const [program, { ops }] of programs.entries()) {
    for (const [index, op] of ops.entries()) {
      const key = `${nameOf(op)} ${operands(op).map(([name, { shape }]) => `${name}${shape}`)}`;
      const known = found.get(key) ?? { op, places: [] };
      known.places.push([program, index]);
      found.set(key, known);
    }
  }
  return [...found.values()].map(({ op, places }) => ({ op, places, count: places.length }));
}

/** A time with what follows from it. */
export function opResult({ op, count }: DistinctOp, ms: number, roofline: Roofline): OpResult {
  const cost = opCost(op);
  const rates = { gflops: cost.flops / ms / 1e6, gigabytesPerSecond: cost.bytes / ms / 1e6 };
  return {
    ...{ name: nameOf(op), opKind: op.kind, shape: shapeOf(op), count, ms, ...rates },
    rooflineShare: rooflineMs(cost, roofline) / ms,
    cached: rates.gigabytesPerSecond > roofline.gigabytesPerSecond,
  };
}

/** Times every distinct op within runs of its Programs, where the device can tell; null where it cannot. */
export async function profileOps(
  executables: readonly Executable[],
  roofline: Roofline,
  rounds: number,
): Promise<OpResult[] | null> {
  const found = distinctOps(executables.map(({ program }) => program));
  const times = found.map((): number[] => []);
  for (let round = 0; round <= rounds; round++) {
    const profiles: Float64Array[] = [];
    for (const executable of executables) {
      const profile = await executable.profile?.();
      if (!profile) return null;
      profiles.push(profile);
    }
    // The first round warms up.
    if (round === 0) continue;
    for (const [i, { places, count }] of found.entries()) {
      times[i].push(places.reduce((sum, [program, op]) => sum + profiles[program][op], 0) / count);
    }
  }
  return found.map((distinct, i) => opResult(distinct, median(times[i]), roofline));
}

/** Times every distinct op of Programs alone, on operands of its own. */
export async function* timeOps(
  device: Device,
  programs: readonly Program[],
  roofline: Roofline,
  effort: Effort,
): AsyncGenerator<OpResult> {
  for (const distinct of distinctOps(programs)) {
    yield opResult(distinct, (await timeOp(device, distinct.op, effort)).medianMs, roofline);
  }
}

/** The share of the time that each kind of op takes, the largest first. */
export function sharesByKind(results: readonly OpResult[]): { kind: OpKind; share: number }[] {
  const sums = new Map<OpKind, number>();
  for (const { opKind, count, ms } of results) sums.set(opKind, (sums.get(opKind) ?? 0) + count * ms);
  const total = sums.values().reduce((sum, ms) => sum + ms, 0);
  return [...sums].map(([kind, ms]) => ({ kind, share: ms / total })).sort((a, b) => b.share - a.share);
}

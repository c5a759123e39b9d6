/** Times Programs on a device: the work is repeated until it takes long enough to trust, and the median of several rounds counts. */
import type { Device } from "../device/device.ts";
import type { Op } from "../program/op.ts";
import { createProgram, persistentStorages, type Program } from "../program/program.ts";
import { persistent } from "../program/tensor.ts";
import { fillOperands, withOwnOperands } from "./operands.ts";

/** What a measurement may take. */
export interface Effort {
  /** Rounds; the median is reported. */
  rounds: number;
  /** Least time of a round, ms. */
  roundMs: number;
}

/** How long a Program takes, in ms a run. */
export interface Timing {
  medianMs: number;
  minMs: number;
  runs: number;
}

/** Something that a device does over and over. */
export interface Workload {
  /** Hands so many runs to the device. */
  run(times: number): void;
  /** The most runs that may follow one another. */
  readonly maxRuns?: number;
}

const MAX_RUNS = 10_000;

/** The middle one of some numbers. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

/** A workload's rounds, one at a time, so that others can be timed between them. */
export interface Rounds extends Disposable {
  readonly runs: number;
  /** Times one round. @returns ms a run */
  round(): Promise<number>;
}

/** Warms a workload up and finds how many runs make a round. */
export async function prepareRounds(device: Device, work: Workload, roundMs: number): Promise<Rounds> {
  const marker = persistent("bench.marker", [1]);
  const timeRuns = async (runs: number): Promise<number> => {
    const start = performance.now();
    work.run(runs);
    await device.read([marker]);
    return performance.now() - start;
  };
  await timeRuns(1);
  const once = await timeRuns(1);
  const most = work.maxRuns ?? MAX_RUNS;
  const runs = Math.max(1, Math.min(most, Math.ceil(roundMs / Math.max(once, 0.01))));
  return {
    runs,
    round: async () => await timeRuns(runs) / runs,
    [Symbol.dispose]: () => device.free([marker.storage]),
  };
}

/** Times a workload. */
export async function timeWorkload(device: Device, work: Workload, { rounds, roundMs }: Effort): Promise<Timing> {
  using prepared = await prepareRounds(device, work, roundMs);
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) times.push(await prepared.round());
  return { medianMs: median(times), minMs: Math.min(...times), runs: prepared.runs * rounds };
}

/** Times one Program. Its persistent storages stay allocated; free them when their values do not matter. */
export async function timeProgram(device: Device, program: Program, effort: Effort): Promise<Timing> {
  const [executable] = await device.compile([program]);
  using _executable = executable;
  return await timeWorkload(device, { run: (times) => executable.run(times) }, effort);
}

/** Times one op alone, on operands of its own with values as in training. */
export async function timeOp(device: Device, op: Op, effort: Effort): Promise<Timing> {
  const own = withOwnOperands(op);
  const program = createProgram(`bench ${op.kind}`, [own]);
  try {
    fillOperands(device, own);
    return await timeProgram(device, program, effort);
  } finally {
    freePrograms(device, [program]);
  }
}

/** Frees everything persistent that Programs use. */
export function freePrograms(device: Device, programs: readonly Program[]): void {
  device.free(persistentStorages(programs));
}

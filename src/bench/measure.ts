/** Times Programs on a device: the work is repeated until it takes long enough to trust, and the median of several rounds counts. */
import type { Device } from "../device/device.ts";
import { createProgram, persistentStorages, type Program } from "../program/program.ts";
import type { Op } from "../program/op.ts";
import { persistent } from "../program/tensor.ts";

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

/** Waits until a device has done everything handed to it. */
async function drain(device: Device, marker: ReturnType<typeof persistent>): Promise<void> {
  await device.read([marker]);
}

/**
 * Times one Program. Its persistent storages stay allocated; free them when their values do not matter.
 * @param keep storages that other measurements share
 */
export async function timeProgram(device: Device, program: Program, effort: Effort): Promise<Timing> {
  const [executable] = await device.compile([program]);
  const marker = persistent("bench.marker", [1]);
  const timeRuns = async (runs: number): Promise<number> => {
    const start = performance.now();
    executable.run(runs);
    await drain(device, marker);
    return performance.now() - start;
  };
  await timeRuns(1);
  const once = await timeRuns(1);
  const runs = Math.max(1, Math.min(10_000, Math.ceil(effort.roundMs / Math.max(once, 0.01))));
  const times: number[] = [];
  for (let round = 0; round < effort.rounds; round++) times.push(await timeRuns(runs) / runs);
  times.sort((a, b) => a - b);
  executable[Symbol.dispose]();
  device.free([marker.storage]);
  return { medianMs: times[times.length >> 1], minMs: times[0], runs: runs * effort.rounds };
}

/** Times one op alone; its operands hold zeros, or whatever their storages hold. */
export async function timeOp(device: Device, op: Op, effort: Effort): Promise<Timing> {
  return await timeProgram(device, createProgram(`bench ${op.kind}`, [op]), effort);
}

/** Frees everything persistent that Programs use. */
export function freePrograms(device: Device, programs: readonly Program[]): void {
  device.free(persistentStorages(programs));
}

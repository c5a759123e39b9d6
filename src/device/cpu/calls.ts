/** A compiled Program: its calls as the workers read them (kernels/cpu/index.ts), in one block of memory. */
import { CALL_ARGS, CALL_BYTES } from "../../../kernels/cpu/control.ts";
import { DeviceError } from "../../errors.ts";
import type { MemoryPlan } from "../../program/planner.ts";
import type { Program } from "../../program/program.ts";
import type { Storage } from "../../program/tensor.ts";
import type { Argument, CpuTraits } from "./kernel.ts";
import type { CpuMemory } from "./memory.ts";
import { callsOf } from "./registry.ts";

const MAX_ARGS = (CALL_BYTES - CALL_ARGS) / 4;

/** Where operands lie. */
export interface Places {
  readonly plan: MemoryPlan;
  /** Byte address of the heap of activations. */
  readonly heap: number;
  /** Byte address of a persistent storage. */
  address(storage: Storage): number;
}

export interface CompiledCalls {
  /** Byte address of the first call. */
  readonly address: number;
  readonly count: number;
  /** Which op each call belongs to. */
  readonly ops: readonly number[];
}

/** Writes a Program's calls into a block that the caller frees. */
export function writeCalls(program: Program, traits: CpuTraits, places: Places, memory: CpuMemory): CompiledCalls {
  const calls = program.ops.flatMap((op, index) => callsOf(op, traits).map((call) => ({ ...call, op, index })));
  const address = memory.allocate(calls.length * CALL_BYTES);
  const words = memory.words(address, calls.length * CALL_BYTES / 4).fill(0);
  const floats = new Float32Array(words.buffer, words.byteOffset, words.length);
  const resolve = (argument: Exclude<Argument, number | { f32: number }>, index: number): number => {
    const { of, element } = argument;
    if (of === "scratch") return places.heap + 4 * ((places.plan.scratch.get(index)?.offset ?? 0) + element);
    const place = places.plan.places.get(of.storage);
    const base = place ? places.heap + 4 * place.offset : places.address(of.storage);
    return base + 4 * (of.offset + element);
  };
  calls.forEach(({ kernel, items, args, op, index }, i) => {
    if (args.length > MAX_ARGS || !(items >= 1 && items < 2 ** 31)) {
      throw new DeviceError(`${op.kind} has ${args.length} arguments and ${items} items`);
    }
    const at = i * CALL_BYTES / 4;
    words[at] = kernel;
    words[at + 1] = items;
    args.forEach((argument, n) => {
      const to = at + CALL_ARGS / 4 + n;
      if (typeof argument === "number") words[to] = argument;
      else if ("f32" in argument) floats[to] = argument.f32;
      else words[to] = resolve(argument, index);
    });
  });
  return { address, count: calls.length, ops: calls.map(({ index }) => index) };
}

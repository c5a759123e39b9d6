/**
 * The memory planner: gives every activation of a Program a place for as long as it is alive, from the first op that names
 * it to the last. Storages are placed largest first at the lowest offset where no storage alive at the same time lies
 * (greedy by size: Pisarchyk & Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020).
 */
import { operands } from "./op.ts";
import type { Op } from "./op.ts";
import type { Program } from "./program.ts";
import { alignUp, type Storage } from "./tensor.ts";
import { DeviceError } from "../errors.ts";

/** Where an activation lies: heap number and first element within it. */
export interface Place {
  heap: number;
  offset: number;
}

export interface MemoryPlan {
  /** The place of every activation storage of the Program. */
  readonly places: ReadonlyMap<Storage, Place>;
  /** The place of the scratch that a device asked for, by op index. */
  readonly scratch: ReadonlyMap<number, Place>;
  /** Size of each heap in elements. */
  readonly heaps: readonly number[];
}

export interface PlanOptions {
  /** Elements of scratch memory that a device needs during one op; 0 for none. */
  scratch?: (op: Op) => number;
  /** Largest heap in elements; another heap is opened beyond it. */
  maxHeapElements?: number;
}

interface Interval {
  storage: Storage | null;
  name: string;
  scratchOf: number;
  elements: number;
  first: number;
  last: number;
}

function intervals(program: Program, scratch: (op: Op) => number): Interval[] {
  const byStorage = new Map<Storage, Interval>();
  const list: Interval[] = [];
  program.ops.forEach((op, index) => {
    for (const [, { storage }] of operands(op)) {
      if (storage.lifetime !== "activation") continue;
      const known = byStorage.get(storage);
      if (known) known.last = index;
      else {
        const { name } = storage;
        const elements = alignUp(storage.elements);
        const interval = { storage, name, scratchOf: -1, elements, first: index, last: index };
        byStorage.set(storage, interval);
        list.push(interval);
      }
    }
    const elements = alignUp(scratch(op));
    if (elements > 0) {
      list.push({
        storage: null,
        name: `scratch of ${op.kind}`,
        scratchOf: index,
        elements,
        first: index,
        last: index,
      });
    }
  });
  return list;
}

/**
 * Plans a Program's activations.
 * @throws {DeviceError} where one activation alone is larger than `maxHeapElements`.
 */
export function planMemory(program: Program, options: PlanOptions = {}): MemoryPlan {
  const maxHeap = options.maxHeapElements ?? Infinity;
  const list = intervals(program, options.scratch ?? (() => 0));
  list.sort((a, b) => b.elements - a.elements || a.first - b.first || a.last - b.last);
  const heaps: { size: number; placed: (Interval & { offset: number })[] }[] = [];
  const places = new Map<Storage, Place>();
  const scratch = new Map<number, Place>();
  for (const interval of list) {
    if (interval.elements > maxHeap) {
      throw new DeviceError(
        `${interval.name} of ${program.name} needs ${interval.elements * 4} bytes in one buffer`,
        { expected: `at most ${maxHeap * 4} bytes`, hint: "use a smaller micro batch or a shorter sequence" },
      );
    }
    let heap = 0;
    let offset = 0;
    for (;; heap++) {
      if (heap === heaps.length) heaps.push({ size: 0, placed: [] });
      offset = lowestFreeOffset(heaps[heap].placed, interval);
      if (offset + interval.elements <= maxHeap) break;
    }
    const { placed } = heaps[heap];
    placed.push({ ...interval, offset });
    heaps[heap].size = Math.max(heaps[heap].size, offset + interval.elements);
    if (interval.storage) places.set(interval.storage, { heap, offset });
    else scratch.set(interval.scratchOf, { heap, offset });
  }
  return { places, scratch, heaps: heaps.map(({ size }) => size) };
}

function lowestFreeOffset(placed: readonly (Interval & { offset: number })[], wanted: Interval): number {
  const alive = placed
    .filter(({ first, last }) => first <= wanted.last && wanted.first <= last)
    .sort((a, b) => a.offset - b.offset);
  let offset = 0;
  for (const other of alive) {
    if (offset + wanted.elements <= other.offset) break;
    offset = Math.max(offset, other.offset + other.elements);
  }
  return offset;
}

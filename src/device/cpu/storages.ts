/** Where persistent storages and the heap of activations lie in the device's memory. */
import { alignUp, type Storage } from "../../program/tensor.ts";
import type { CpuMemory } from "./memory.ts";

const bytesOf = (elements: number) => alignUp(elements) * 4;

/** A storage's place. */
export interface Allocation {
  /** In bytes. */
  readonly address: number;
}

export interface Storages {
  has(storage: Storage): boolean;
  /** Where the storage lies, undefined where it is not allocated; another object after it has been freed and allocated again. */
  find(storage: Storage): Allocation | undefined;
  /** The storage's byte address; allocates it, full of zeros, where it is not there yet. */
  ensure(storage: Storage): number;
  missingBytes(storages: readonly Storage[]): number;
  free(storage: Storage): void;
}

/** Keeps the persistent storages of one device. */
export function createStorages(memory: CpuMemory): Storages {
  const allocations = new Map<Storage, Allocation>();
  return {
    has: (storage) => allocations.has(storage),
    find: (storage) => allocations.get(storage),
    ensure(storage) {
      const known = allocations.get(storage);
      if (known) return known.address;
      const address = memory.allocateZeros(bytesOf(storage.elements));
      allocations.set(storage, { address });
      return address;
    },
    missingBytes: (storages) =>
      storages.reduce((sum, storage) => sum + (allocations.has(storage) ? 0 : bytesOf(storage.elements)), 0),
    free(storage) {
      const allocation = allocations.get(storage);
      if (!allocation) return;
      memory.free(allocation.address);
      allocations.delete(storage);
    },
  };
}

/** A piece of memory for activations. */
export interface Heap {
  readonly address: number;
  readonly bytes: number;
  users: number;
}

/**
 * Programs run one after the other and activations live within one run, so all executables share one heap. Where it is too
 * small for a new executable it is replaced; the old one goes with its last user.
 */
export interface Heaps {
  /** Bytes that a heap for so many elements would add. */
  missingBytes(elements: number): number;
  acquire(elements: number): Heap;
  release(heap: Heap): void;
}

/** Keeps the heaps of one device. */
export function createHeaps(memory: CpuMemory): Heaps {
  let current: Heap | null = null;
  const fits = (elements: number) => elements === 0 || (current !== null && current.bytes >= bytesOf(elements));
  return {
    missingBytes: (elements) => fits(elements) ? 0 : bytesOf(elements),
    acquire(elements) {
      if (current === null || !fits(elements)) {
        const bytes = bytesOf(elements);
        current = { address: memory.allocate(bytes), bytes, users: 0 };
      }
      current.users++;
      return current;
    },
    release(heap) {
      if (--heap.users > 0) return;
      memory.free(heap.address);
      if (heap === current) current = null;
    },
  };
}

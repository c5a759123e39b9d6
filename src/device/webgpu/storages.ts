/** Persistent storages on the device: each a GPUBuffer, or several where it is larger than one may be. */
import { DeviceError } from "../../errors.ts";
import { alignUp, describe, elementCount, type Storage, type Tensor } from "../../program/tensor.ts";
import { bufferRanges, type Range } from "./partition.ts";

/** Where a run of elements lies. */
export interface Piece {
  readonly buffer: GPUBuffer;
  readonly byteOffset: number;
  /** First element, counted from where the run was asked for. */
  readonly first: number;
  readonly elements: number;
}

interface Allocation {
  readonly parts: readonly { readonly range: Range; readonly buffer: GPUBuffer }[];
}

export interface Storages {
  /** Bytes that allocating these storages would add. */
  missingBytes(storages: readonly Storage[]): number;
  has(storage: Storage): boolean;
  /** An object that stands for a storage's present buffers; undefined where it is not on the device. */
  allocation(storage: Storage): object | undefined;
  /** Allocates a storage, zeroed, unless it is there. */
  ensure(storage: Storage): void;
  /** The pieces of `elements` elements from element `first` of a tensor on, in order. The storage must have been ensured. */
  locate(tensor: Tensor, first: number, elements: number): Piece[];
  free(storage: Storage): void;
  freeAll(): void;
}

/** Room of a storage in bytes: buffers are made a little larger, so that a binding is never smaller than a vector. */
function roomOf(range: Range): number {
  return alignUp(range.count) * 4;
}

/** Keeps the storages of one device. */
export function createStorages(device: GPUDevice, maxBufferBytes: number): Storages {
  const allocations = new Map<Storage, Allocation>();
  const free = (storage: Storage) => {
    for (const { buffer } of allocations.get(storage)?.parts ?? []) buffer.destroy();
    allocations.delete(storage);
  };
  return {
    missingBytes(storages) {
      let bytes = 0;
      for (const storage of storages) {
        if (allocations.has(storage)) continue;
        for (const range of bufferRanges(storage, maxBufferBytes)) bytes += roomOf(range);
      }
      return bytes;
    },
    has: (storage) => allocations.has(storage),
    allocation: (storage) => allocations.get(storage),
    ensure(storage) {
      if (allocations.has(storage)) return;
      const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
      const parts = bufferRanges(storage, maxBufferBytes).map((range) => ({
        range,
        buffer: device.createBuffer({ label: storage.name, size: roomOf(range), usage }),
      }));
      allocations.set(storage, { parts });
    },
    locate(tensor, first, elements) {
      const allocation = allocations.get(tensor.storage);
      if (!allocation) throw new DeviceError(`${describe(tensor)} is not on the device`);
      if (first < 0 || first + elements > elementCount(tensor.shape)) {
        throw new DeviceError(`elements ${first} to ${first + elements} of ${describe(tensor)} do not exist`);
      }
      return locateIn(allocation, tensor.offset + first, elements);
    },
    free,
    freeAll() {
      for (const storage of [...allocations.keys()]) free(storage);
    },
  };
}

function locateIn({ parts }: Allocation, start: number, elements: number): Piece[] {
  const pieces: Piece[] = [];
  for (const { range, buffer } of parts) {
    const from = Math.max(start, range.first);
    const to = Math.min(start + elements, range.first + range.count);
    if (from >= to) continue;
    pieces.push({ buffer, byteOffset: (from - range.first) * 4, first: from - start, elements: to - from });
  }
  return pieces;
}

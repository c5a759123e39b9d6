/**
 * How big tensors are cut up for WebGPU: a persistent storage above the largest buffer into several buffers at tensor
 * boundaries, and an op's work into row ranges so that no binding is larger than the adapter allows or reaches across buffers.
 */
import { DeviceError } from "../../errors.ts";
import { ALIGNMENT, describe, elementCount, type Storage, type Tensor } from "../../program/tensor.ts";
import type { AdapterTraits, Binding } from "./kernel.ts";

/** A run of elements or rows. */
export interface Range {
  readonly first: number;
  readonly count: number;
}

/**
 * The buffers of a persistent storage, as element ranges in order.
 * @throws {DeviceError} where two cuts lie further apart than the largest buffer.
 */
export function bufferRanges(storage: Storage, maxBufferBytes: number): Range[] {
  const limit = Math.floor(maxBufferBytes / 4 / ALIGNMENT) * ALIGNMENT;
  const ranges: Range[] = [];
  let first = 0;
  while (storage.elements - first > limit) {
    const end = storage.cuts.findLast((cut) => cut > first && cut <= first + limit && cut % ALIGNMENT === 0);
    if (end === undefined) {
      throw new DeviceError(`${storage.name} needs ${(storage.elements - first) * 4} bytes in one buffer`, {
        expected: `at most ${limit * 4} bytes on this adapter`,
        hint: "use a smaller batch, sequence or model",
      });
    }
    ranges.push({ first, count: end - first });
    first = end;
  }
  ranges.push({ first, count: storage.elements - first });
  return ranges;
}

/** An operand whose row r lies at elements r · perRow to (r + 1) · perRow. */
export interface RowOperand {
  readonly tensor: Tensor;
  readonly perRow: number;
}

/**
 * Cuts `count` rows into ranges over which every operand can be bound, the ends at multiples of `multiple` rows where there is
 * a choice. Most ops get one range.
 * @throws {DeviceError} where one row alone is larger than a binding may be.
 */
export function rowRanges(
  count: number,
  operands: readonly RowOperand[],
  adapter: AdapterTraits,
  multiple = 1,
): Range[] {
  let most = count;
  for (const { tensor, perRow } of operands) {
    // A binding starts at an aligned element, up to ALIGNMENT − 1 before its first row.
    const fits = count * perRow * 4 <= adapter.maxBindingBytes
      ? count
      : Math.floor((Math.floor(adapter.maxBindingBytes / 4) - ALIGNMENT + 1) / perRow);
    if (fits < 1) {
      throw new DeviceError(`a row of ${describe(tensor)} takes ${perRow * 4} bytes`, {
        expected: `at most ${adapter.maxBindingBytes} bytes in one binding on this adapter`,
      });
    }
    most = Math.min(most, fits);
  }
  if (most < count) {
    if (most > ALIGNMENT) most -= most % ALIGNMENT;
    if (most > multiple) most -= most % multiple;
  }
  const borders = new Set<number>();
  for (const { tensor, perRow } of operands) {
    for (const border of buffersBorders(tensor, adapter)) {
      const row = (border - tensor.offset) / perRow;
      if (row > 0 && row < count) borders.add(row);
    }
  }
  const ends = [...borders, count].sort((a, b) => a - b);
  const ranges: Range[] = [];
  let first = 0;
  for (const end of ends) {
    if (!Number.isInteger(end)) throw new DeviceError(`a buffer ends within row ${Math.floor(end)} of an operand`);
    for (; first < end; first = Math.min(end, first + most)) {
      ranges.push({ first, count: Math.min(end, first + most) - first });
    }
  }
  return ranges;
}

function buffersBorders({ storage }: Tensor, adapter: AdapterTraits): number[] {
  if (storage.lifetime !== "persistent" || storage.elements * 4 <= adapter.maxBufferBytes) return [];
  return bufferRanges(storage, adapter.maxBufferBytes).slice(1).map(({ first }) => first);
}

/** A binding over some rows of an operand, and the index within it of the first row's first element. */
export interface Slice {
  readonly binding: Binding;
  readonly skip: number;
}

/** Binds rows `first` to `first + count` of an operand. */
export function slice({ tensor, perRow }: RowOperand, { first, count }: Range): Slice {
  const start = first * perRow;
  const skip = (tensor.offset + start) % ALIGNMENT;
  return { binding: { of: tensor, offset: start - skip, elements: count * perRow + skip }, skip };
}

/** Whether a tensor can be bound whole. */
export function isWhole(tensor: Tensor, adapter: AdapterTraits): boolean {
  const perRow = 1;
  return rowRanges(elementCount(tensor.shape), [{ tensor, perRow }], adapter).length === 1;
}

/**
 * A grid of `count` workgroups, folded into a second dimension where the adapter demands it. The shader's number is
 * `group.y * groups.x + group.x`; the last row of the grid may go beyond `count`.
 */
export function grid(count: number, adapter: AdapterTraits): [number, number, number] {
  const limit = adapter.maxWorkgroupsPerDimension;
  if (count <= limit) return [count, 1, 1];
  const height = Math.ceil(count / limit);
  return [Math.ceil(count / height), height, 1];
}

/** A number as a WGSL f32 literal. */
export function float(value: number): string {
  const text = String(Math.fround(value));
  if (!Number.isFinite(Number(text))) throw new RangeError(`${value} is not a finite f32`);
  return `${text}f`;
}

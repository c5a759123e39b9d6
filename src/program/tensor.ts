/**
 * Tensors are names for places: a shape, an element type, and an offset into a `Storage`. They hold no data.
 * A persistent Storage (parameters, gradients, inputs, KV cache) lives on the device from its first use until it is freed;
 * an activation's Storage lives only inside one run of a Program, where the planner gives it its place.
 */
import { ShapeError } from "../errors.ts";

/** Element types: 32-bit floats and unsigned 32-bit integers (token ids, positions, random keys). */
export type DType = "f32" | "u32";

/** A contiguous piece of device memory. Identity matters: two Programs that name the same Storage object share its data. */
export interface Storage {
  readonly name: string;
  readonly dtype: DType;
  /** Size in elements of 4 bytes. */
  readonly elements: number;
  readonly lifetime: "persistent" | "activation";
  /** Element offsets at which a device may cut the storage into separate buffers (tensor boundaries), ascending. */
  readonly cuts: readonly number[];
}

/** A row-major view of a Storage. */
export interface Tensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly storage: Storage;
  /** First element within the storage. */
  readonly offset: number;
}

/** Tensors within a storage start at multiples of this many elements (256 bytes, WebGPU's binding alignment). */
export const ALIGNMENT = 64;

/** `value` rounded up to a multiple of `multiple`. */
export function alignUp(value: number, multiple: number = ALIGNMENT): number {
  return Math.ceil(value / multiple) * multiple;
}

/** Number of elements of a shape. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Size of a tensor in bytes. */
export function byteSize(tensor: Tensor): number {
  return elementCount(tensor.shape) * 4;
}

function create(name: string, shape: readonly number[], dtype: DType, lifetime: Storage["lifetime"]): Tensor {
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 1) {
      throw new ShapeError(`tensor ${name} has the shape [${shape}]`, { expected: "whole numbers above 0" });
    }
  }
  const storage: Storage = { name, dtype, elements: elementCount(shape), lifetime, cuts: [] };
  return { name, dtype, shape, storage, offset: 0 };
}

/** A tensor that exists within one run of a Program. */
export function activation(name: string, shape: readonly number[], dtype: DType = "f32"): Tensor {
  return create(name, shape, dtype, "activation");
}

/** A tensor that stays on the device between runs, zero at first. */
export function persistent(name: string, shape: readonly number[], dtype: DType = "f32"): Tensor {
  return create(name, shape, dtype, "persistent");
}

/**
 * Rows `start` to `start + count` of a tensor's first axis, as a tensor on the same storage.
 * `start` times the row size must be a multiple of `ALIGNMENT` elements, so that every device can bind it.
 */
export function rows(tensor: Tensor, start: number, count: number): Tensor {
  const [total, ...rest] = tensor.shape;
  if (start < 0 || count < 1 || start + count > total) {
    throw new ShapeError(`rows ${start} to ${start + count} of ${describe(tensor)} do not exist`);
  }
  const offset = tensor.offset + start * elementCount(rest);
  if (offset % ALIGNMENT !== 0) {
    throw new ShapeError(`row ${start} of ${describe(tensor)} is not aligned to ${ALIGNMENT} elements`);
  }
  return { ...tensor, name: `${tensor.name}[${start}:${start + count}]`, shape: [count, ...rest], offset };
}

/** The same elements under another shape. */
export function reshape(tensor: Tensor, shape: readonly number[]): Tensor {
  if (elementCount(shape) !== elementCount(tensor.shape)) {
    throw new ShapeError(`${describe(tensor)} cannot be seen as [${shape}]`);
  }
  return { ...tensor, shape };
}

/** Whether two tensors share any element. */
export function overlaps(a: Tensor, b: Tensor): boolean {
  return a.storage === b.storage && a.offset < b.offset + elementCount(b.shape) &&
    b.offset < a.offset + elementCount(a.shape);
}

/** A tensor's name, type and shape for messages: `h.0.attn.c_attn.weight f32 [768, 2304]`. */
export function describe(tensor: Tensor): string {
  return `${tensor.name} ${tensor.dtype} [${tensor.shape.join(", ")}]`;
}

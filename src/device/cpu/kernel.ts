/**
 * What a CPU kernel is on this side: a pure function from an op to the calls that carry it out. A call names a function of
 * kernels/cpu, how many items of work it has, and its arguments. All workers share the items of a call and wait for each other
 * before the next. What an item computes must not depend on the number of workers.
 */
import type { KernelId } from "../../../kernels/cpu/kernel_id.ts";
import type { OpKind, OpOf } from "../../program/op.ts";
import type { Tensor } from "../../program/tensor.ts";

/** What kernels may know of the machine. */
export interface CpuTraits {
  /** Whether a system BLAS takes the large matrix products. */
  readonly blas: boolean;
}

/** The byte address of an element of a tensor or of the op's scratch memory. */
export interface Address {
  readonly of: Tensor | "scratch";
  /** Element within the tensor or scratch. */
  readonly element: number;
}

/** A 32-bit float argument. */
export interface Float {
  readonly f32: number;
}

/** A 32-bit word: an integer, a float or an address. */
export type Argument = number | Float | Address;

export interface Call {
  readonly kernel: KernelId;
  /** Pieces of work, at least 1; each should take some 20 µs or more where there is that much to do. */
  readonly items: number;
  /** At most 28 words; the kernel reads them at `args`, `args + 4`, … */
  readonly args: readonly Argument[];
}

export interface Kernel<K extends OpKind> {
  /** Elements of scratch memory that the calls of an op share; default none. */
  scratch?(op: OpOf<K>, traits: CpuTraits): number;
  /** The calls, in order. Each sees the writes of those before it. */
  calls(op: OpOf<K>, traits: CpuTraits): Call[];
}

/** The address of a tensor's element. */
export function at(tensor: Tensor, element = 0): Address {
  return { of: tensor, element };
}

/** The address of an element of the op's scratch memory. */
export function scratchAt(element = 0): Address {
  return { of: "scratch", element };
}

/** A float argument. */
export function f32(value: number): Float {
  return { f32: value };
}

/** An address that a kernel takes for "there is none". */
export const NONE = 0;

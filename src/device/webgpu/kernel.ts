/**
 * What a WebGPU kernel is: a pure function from an op to the dispatches that carry it out. It allocates nothing and knows
 * nothing of buffers; the device turns tensors into buffer ranges and WGSL sources into cached pipelines.
 *
 * No invocation may go through more than 65,535 loop iterations in all its loops together: lavapipe counts them over the
 * whole shader and then stops, silently.
 */
import type { OpKind, OpOf } from "../../program/op.ts";
import type { Tensor } from "../../program/tensor.ts";

/** What kernels may know of the adapter at hand. */
export interface AdapterTraits {
  /** Largest range of a buffer that one binding may cover, in bytes. */
  readonly maxBindingBytes: number;
  /** Largest buffer, in bytes: a persistent storage beyond it lies in several, and no binding may reach across (partition.ts). */
  readonly maxBufferBytes: number;
  readonly maxWorkgroupsPerDimension: number;
  readonly maxInvocationsPerWorkgroup: number;
  readonly maxWorkgroupBytes: number;
  /** A processor that pretends to be a GPU (lavapipe): register tiles win there, shared memory loses. */
  readonly software: boolean;
  /** Invocations of a subgroup, where that is one number and shaders may use subgroup operations; else absent or 0. */
  readonly subgroupSize?: number;
}

/**
 * A range of elements bound at `@group(0) @binding(its index)`, always as `var<storage, read_write>` (one buffer may hold
 * several operands, and WebGPU does not mix access modes within a buffer). The range's first element, `tensor.offset + offset`,
 * must be a multiple of 64 elements.
 */
export interface Binding {
  /** The tensor, or the op's scratch memory. */
  readonly of: Tensor | "scratch";
  /** First element within the tensor or scratch; default 0. */
  readonly offset?: number;
  /** Number of elements; default: to the end of the tensor. Required for scratch. */
  readonly elements?: number;
}

/** One dispatch of a compute pipeline. */
export interface Dispatch {
  /** For messages and profiles: op kind and stage, as `layerNormBackward.columns`. */
  readonly label: string;
  /** Complete WGSL with the entry point `main`. */
  readonly source: string;
  readonly bindings: readonly Binding[];
  /**
   * u32 numbers that tell apart dispatches of one source, bound after `bindings` as `array<u32>`: what differs from layer to
   * layer belongs here, since every source is a pipeline to compile.
   */
  readonly words?: readonly number[];
  readonly workgroups: readonly [number, number, number];
}

export interface Kernel<K extends OpKind> {
  /** Elements of scratch memory the dispatches share; default none. */
  scratch?(op: OpOf<K>, adapter: AdapterTraits): number;
  /** The dispatches, in order. Each sees the writes of those before it. */
  dispatches(op: OpOf<K>, adapter: AdapterTraits): Dispatch[];
}

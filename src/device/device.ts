/**
 * What a device is to the rest of codekiln: it holds persistent tensors, compiles Programs once, and runs them many times.
 * Writes, runs and reads take effect in the order they were called.
 */
import type { Program } from "../program/program.ts";
import type { DType, Storage, Tensor } from "../program/tensor.ts";

/** Host data of a tensor's element type. */
export type HostArray = Float32Array<ArrayBufferLike> | Uint32Array<ArrayBufferLike>;

/** The host array type of an element type. */
export type HostArrayOf<D extends DType> = D extends "f32" ? Float32Array : Uint32Array;

/** Memory that compiled Programs hold, in bytes. */
export interface MemoryUse {
  readonly persistentBytes: number;
  readonly activationBytes: number;
}

/** A Program made ready for a device. */
export interface Executable extends Disposable {
  readonly program: Program;
  /** Runs the Program `times` times (default 1). Returns once the work is handed over, not when it is done. */
  run(times?: number): void;
  /** Runs the Program once and tells how long each of its ops took, in ms; only where the device can tell. */
  profile?(): Promise<Float64Array>;
}

export interface Device extends AsyncDisposable {
  readonly kind: "webgpu" | "cpu" | "reference";
  /** For people: the adapter's or processor's name. */
  readonly name: string;
  /**
   * Compiles Programs that are used together; their activations share one piece of memory. Persistent tensors keep their data.
   * @throws {DeviceError} where the plan does not fit, with the numbers and the remedy, before anything has run.
   */
  compile(programs: readonly Program[]): Promise<Executable[]>;
  /** The memory that compiling these Programs would take, beyond what is allocated already. */
  estimate(programs: readonly Program[]): MemoryUse;
  /** Copies host data into a persistent tensor, starting at an element of it. The data is taken over before return. */
  write(tensor: Tensor, data: HostArray, elementOffset?: number): void;
  /** Waits for all work handed over so far and copies persistent tensors to the host, in the order given. */
  read(tensors: readonly Tensor[]): Promise<HostArray[]>;
  /** Frees persistent storages. Executables that use them must not run again. */
  free(storages: readonly Storage[]): void;
}

/** Reads one f32 tensor. */
export async function readFloats(device: Device, tensor: Tensor): Promise<Float32Array> {
  const [data] = await device.read([tensor]);
  if (!(data instanceof Float32Array)) throw new TypeError(`${tensor.name} is not f32`);
  return data;
}

/** Reads one u32 tensor. */
export async function readIntegers(device: Device, tensor: Tensor): Promise<Uint32Array> {
  const [data] = await device.read([tensor]);
  if (!(data instanceof Uint32Array)) throw new TypeError(`${tensor.name} is not u32`);
  return data;
}

/** The system's BLAS, where there is one: found by name, called through FFI on the shared memory. */
import type { BlasGemm } from "./module.ts";

/** A library that has been found. */
export interface BlasLibrary {
  /** File or name that the system's loader takes. */
  readonly path: string;
  /** For people: `OpenBLAS 0.3.21`. */
  readonly name: string;
}

export interface OpenedBlas extends Disposable {
  readonly gemm: BlasGemm;
}

/** Opens a library in the thread that calls, with one BLAS thread. */
export function openBlas(_library: BlasLibrary, _memory: WebAssembly.Memory): OpenedBlas {
  throw new Error("not written yet");
}

/** The system's BLAS in a worker: called through FFI on the shared memory, with one BLAS thread in every worker. */
import { DeviceError } from "../../errors.ts";
import { loadBlas, NO_TRANS, ROW_MAJOR, TRANS } from "./blas_library.ts";
import type { BlasGemm } from "./module.ts";

/** A library that has been found (blas_find.ts). */
export interface BlasLibrary {
  /** File or name that the system's loader takes. */
  readonly path: string;
  /** For people: `OpenBLAS 0.3.21`. */
  readonly name: string;
}

export interface OpenedBlas extends Disposable {
  readonly gemm: BlasGemm;
}

/**
 * Opens a library in the thread that calls, with one BLAS thread.
 * @param memory a shared memory, which never moves
 * @throws {DeviceError} where the library cannot be loaded any more
 */
export function openBlas({ path }: BlasLibrary, memory: WebAssembly.Memory): OpenedBlas {
  const library = loadBlas(path);
  if (library === null) throw new DeviceError("the library has lost its cblas_sgemm", { where: path });
  library.useOneThread();
  const { sgemm } = library;
  const base = Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(new Uint8Array(memory.buffer))));
  return {
    // WASM hands addresses over as signed integers. Numbers, no bigints: a call costs 0.4 µs.
    gemm: (transA, transB, m, n, k, a, lda, b, ldb, accumulate, c, ldc) =>
      sgemm(
        ROW_MAJOR,
        transA ? TRANS : NO_TRANS,
        transB ? TRANS : NO_TRANS,
        m,
        n,
        k,
        1,
        base + (a >>> 0),
        lda,
        base + (b >>> 0),
        ldb,
        accumulate ? 1 : 0,
        base + (c >>> 0),
        ldc,
      ),
    [Symbol.dispose]: () => library[Symbol.dispose](),
  };
}

/** The kernels' WASM module: with fused multiply-adds where the engine has them (relaxed SIMD), plain SIMD elsewhere. */
import plain from "../../../kernels/cpu/build/plain.wasm" with { type: "bytes" };
import relaxed from "../../../kernels/cpu/build/relaxed.wasm" with { type: "bytes" };
import { HEAP_START } from "../../../kernels/cpu/control.ts";
import { DeviceError } from "../../errors.ts";

export interface KernelModule {
  readonly module: WebAssembly.Module;
  /** For people. */
  readonly name: "relaxed SIMD" | "SIMD";
}

/** What the module exports for the device. */
export interface KernelExports {
  work(worker: number, workers: number, spin: number, scratch: number, wide: number): void;
  heapBase(): number;
}

/** Matrix product by a system BLAS on row-major operands in the shared memory; addresses in bytes, 1 for a transposed operand. */
export type BlasGemm = (
  transA: number,
  transB: number,
  m: number,
  n: number,
  k: number,
  a: number,
  lda: number,
  b: number,
  ldb: number,
  accumulate: number,
  c: number,
  ldc: number,
) => void;

/**
 * Compiles the best module that the engine takes.
 * @param choice "plain" takes the one without relaxed SIMD in any case
 * @throws {DeviceError} where the engine has no SIMD or no threads
 */
export async function compileModule(choice: "best" | "plain" = "best"): Promise<KernelModule> {
  if (choice === "best" && WebAssembly.validate(relaxed)) {
    return { module: await WebAssembly.compile(relaxed), name: "relaxed SIMD" };
  }
  try {
    return { module: await WebAssembly.compile(plain), name: "SIMD" };
  } catch (cause) {
    throw new DeviceError(`the CPU kernels do not run in this engine: ${String(cause)}`, {
      expected: "WebAssembly with SIMD and threads",
      cause,
    });
  }
}

/** Instantiates the module on a memory, in the thread that calls. */
export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory, blasGemm: BlasGemm): KernelExports {
  const { exports } = new WebAssembly.Instance(module, {
    env: { memory },
    blas: { blasGemm },
    clock: { now: () => performance.now() },
  });
  const kernels = exports as unknown as KernelExports;
  if (kernels.heapBase() > HEAP_START) throw new DeviceError("the kernels' constants reach into the heap");
  return kernels;
}

/**
 * A BLAS as FFI sees it: its single-precision product, and what tells it apart and keeps it to one thread. Sizes go over as 64-bit
 * integers: libraries with 32-bit ones read the lower half, of registers and of the stack alike, so both kinds are called the
 * same way. Interface: C BLAS (BLAS Technical Forum, 2001), row-major.
 */

const SIZE = "i64";
const ADDRESS = "u64";

/** Names that a build may put around its functions: ILP64 builds and those inside of Python packages do. */
const DECORATIONS = [["", ""], ["", "64_"], ["", "_64"], ["scipy_", "64_"], ["scipy_", ""]] as const;

function functionsOf(prefix: string, suffix: string) {
  const decorated = (name: string) => `${prefix}${name}${suffix}`;
  return {
    sgemm: {
      name: decorated("cblas_sgemm"),
      parameters: [
        ...["i32", "i32", "i32", SIZE, SIZE, SIZE] as const,
        ...["f32", ADDRESS, SIZE, ADDRESS, SIZE, "f32", ADDRESS, SIZE] as const,
      ],
      result: "void",
      optional: true,
    },
    openblasConfig: { name: decorated("openblas_get_config"), parameters: [], result: "pointer", optional: true },
    openblasCore: { name: decorated("openblas_get_corename"), parameters: [], result: "pointer", optional: true },
    openblasParallel: { name: decorated("openblas_get_parallel"), parameters: [], result: "i32", optional: true },
    openblasThreads: {
      name: decorated("openblas_set_num_threads"),
      parameters: ["i32"],
      result: "void",
      optional: true,
    },
    mklVersion: { name: "MKL_Get_Version_String", parameters: ["buffer", "i32"], result: "void", optional: true },
    mklLayer: { name: "MKL_Set_Threading_Layer", parameters: ["i32"], result: "i32", optional: true },
    mklThreads: { name: "MKL_Set_Num_Threads_Local", parameters: ["i32"], result: "i32", optional: true },
    blisVersion: { name: "bli_info_get_version_str", parameters: [], result: "pointer", optional: true },
    blisThreads: { name: "bli_thread_set_num_threads", parameters: [SIZE], result: "void", optional: true },
    accelerateThreads: { name: "BLASSetThreading", parameters: ["u32"], result: "i32", optional: true },
  } as const;
}

type Functions = Deno.DynamicLibrary<ReturnType<typeof functionsOf>>["symbols"];

/** cblas_sgemm; operands by machine address. Where Deno's types ask for a bigint, numbers are taken as well, and are cheaper. */
export type Sgemm = (
  order: number,
  transA: number,
  transB: number,
  m: number,
  n: number,
  k: number,
  alpha: number,
  a: number,
  lda: number,
  b: number,
  ldb: number,
  beta: number,
  c: number,
  ldc: number,
) => void;

/** The values of CBLAS_ORDER and CBLAS_TRANSPOSE. */
export const ROW_MAJOR = 101;
export const NO_TRANS = 111;
export const TRANS = 112;

/** An open library. */
export interface LoadedBlas extends Disposable {
  readonly sgemm: Sgemm;
  /** Name and version for people; null where the library is none that is known to be fast. */
  readonly name: string | null;
  /** Whether several threads may call it at once. */
  readonly reentrant: boolean;
  /** Keeps calls from the thread that asks to that thread. */
  useOneThread(): void;
}

function textAt(pointer: Deno.PointerValue): string {
  return pointer === null ? "" : Deno.UnsafePointerView.getCString(pointer).trim();
}

/** `OpenBLAS 0.3.21 NO_LAPACKE … Cooperlake MAX_THREADS=64` without the build's options. */
function openblasName({ openblasConfig, openblasCore }: Functions): string | null {
  if (!openblasConfig) return null;
  const version = textAt(openblasConfig()).match(/^OpenBLAS\s+[\w.]+/)?.[0] ?? "OpenBLAS";
  const core = openblasCore ? textAt(openblasCore()) : "";
  return core === "" ? version : `${version} (${core})`;
}

function mklName({ mklVersion }: Functions): string | null {
  if (!mklVersion) return null;
  const text = new Uint8Array(256);
  mklVersion(text, text.length - 1);
  const version = new TextDecoder().decode(text).match(/Version\s+([\w.]+(?:[- ]Update\s+\d+)?)/)?.[1];
  return version === undefined ? "MKL" : `MKL ${version}`;
}

function blisName({ blisVersion }: Functions): string | null {
  if (!blisVersion) return null;
  const version = textAt(blisVersion());
  return /^\d/.test(version) ? `BLIS ${version}` : version || "BLIS";
}

function nameOf(path: string, functions: Functions): string | null {
  const name = openblasName(functions) ?? mklName(functions) ?? blisName(functions);
  if (name !== null) return name;
  return functions.accelerateThreads || path.includes("Accelerate.framework") ? "Accelerate" : null;
}

/** An OpenBLAS built for one thread shares its buffers without locks, unless it was asked to have them. */
function isReentrant({ openblasParallel, openblasConfig }: Functions): boolean {
  if (!openblasParallel || openblasParallel() !== 0) return true;
  return openblasConfig !== null && textAt(openblasConfig()).includes("USE_LOCKING");
}

const MKL_SEQUENTIAL = 1;
const ACCELERATE_SINGLE_THREADED = 1;

/**
 * Opens a library.
 * @param path a file, or a name that the system's loader finds
 * @returns null where it has no `cblas_sgemm`
 * @throws what Deno.dlopen throws
 */
export function loadBlas(path: string): LoadedBlas | null {
  for (const [prefix, suffix] of DECORATIONS) {
    const library = Deno.dlopen(path, functionsOf(prefix, suffix));
    const functions = library.symbols;
    const { sgemm } = functions;
    if (!sgemm) {
      library.close();
      continue;
    }
    // Before MKL's first call of another kind.
    functions.mklLayer?.(MKL_SEQUENTIAL);
    return {
      sgemm: sgemm as unknown as Sgemm,
      name: nameOf(path, functions),
      reentrant: isReentrant(functions),
      useOneThread() {
        functions.openblasThreads?.(1);
        functions.mklThreads?.(1);
        functions.blisThreads?.(1n);
        functions.accelerateThreads?.(ACCELERATE_SINGLE_THREADED);
      },
      [Symbol.dispose]: () => library.close(),
    };
  }
  return null;
}

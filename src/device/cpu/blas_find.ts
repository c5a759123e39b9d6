/**
 * Finds a fast BLAS on the system: OpenBLAS, MKL, BLIS or Accelerate, by the names that systems give them. A library is taken
 * only if a small product comes out right and, where nobody named it, if it is one of these: the reference BLAS, which has the same functions
 * and often the same file name, is slower than the WASM kernels.
 */
import { UserError } from "../../errors.ts";
import type { BlasLibrary } from "./blas.ts";
import { loadBlas, type LoadedBlas, NO_TRANS, ROW_MAJOR, type Sgemm, TRANS } from "./blas_library.ts";

/** Names to try, in this order, for the systems as Deno calls them. Names of Debian, Fedora, SUSE, Arch; Homebrew; MSYS2, vcpkg, AMD. */
const NAMES: Readonly<Partial<Record<typeof Deno.build.os, readonly string[]>>> = {
  linux: [
    ...["libopenblas.so.0", "libopenblasp.so.0", "libopenblas_pthreads.so.0", "libopenblaso.so.0", "libopenblas.so"],
    ...["libmkl_rt.so.3", "libmkl_rt.so.2", "libmkl_rt.so.1", "libmkl_rt.so"],
    ...["libblis.so.4", "libblis-mt.so", "libblis.so", "libblis.so.3"],
    // Whatever the system's alternatives point to.
    ...["libcblas.so.3", "libblas.so.3"],
  ],
  darwin: [
    "/System/Library/Frameworks/Accelerate.framework/Accelerate",
    ...["/opt/homebrew/opt/openblas/lib/libopenblas.dylib", "/usr/local/opt/openblas/lib/libopenblas.dylib"],
    "libopenblas.dylib",
  ],
  windows: [
    ...["libopenblas.dll", "openblas.dll", "mkl_rt.3.dll", "mkl_rt.2.dll", "mkl_rt.dll"],
    ...["AOCL-LibBlis-Win-MT-dll.dll", "libblis.dll"],
  ],
};

/** Read by libraries when they are loaded; without them OpenBLAS starts a thread for every core, which then spins for a while. */
const THREAD_VARIABLES = ["OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"];

const HINT = "give the file of a library that has cblas_sgemm, such as OpenBLAS, or leave --blas at auto";

/** Libraries stay loaded until the process ends: unloading one that has threads is asking for trouble. */
const kept = new Map<string, LoadedBlas>();

/** Runs with one thread asked for in the environment, as far as it may be changed. */
function withOneThread<T>(load: () => T): T {
  const variables = THREAD_VARIABLES.filter((name) =>
    Deno.permissions.querySync({ name: "env", variable: name }).state === "granted"
  );
  const before = variables.map((name) => Deno.env.get(name));
  try {
    for (const name of variables) Deno.env.set(name, "1");
    return load();
  } finally {
    variables.forEach((name, i) => {
      const value = before[i];
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    });
  }
}

/** Whether small products with padded rows, transposed operands and accumulation come out right. */
function multiplies(sgemm: Sgemm): boolean {
  const [m, n, k, row] = [5, 3, 7, 9];
  const addressOf = (values: Float32Array<ArrayBuffer>) =>
    Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(values)));
  const matrix = (seed: number) => Float32Array.from({ length: 9 * row }, (_, i) => (i * seed) % 11 - 5);
  for (const [transA, transB, beta] of [[false, false, 0], [false, true, 1], [true, false, 1]] as const) {
    const [a, b, c] = [matrix(3), matrix(7), matrix(5)];
    const expected = c.map((old, i) => {
      const [y, x] = [Math.floor(i / row), i % row];
      if (y >= m || x >= n) return old;
      let sum = beta * old;
      for (let j = 0; j < k; j++) sum += a[transA ? j * row + y : y * row + j] * b[transB ? x * row + j : j * row + x];
      return sum;
    });
    const code = (transposed: boolean) => transposed ? TRANS : NO_TRANS;
    const [atA, atB, atC] = [a, b, c].map(addressOf);
    sgemm(ROW_MAJOR, code(transA), code(transB), m, n, k, 1, atA, row, atB, row, beta, atC, row);
    if (c.some((value, i) => value !== expected[i])) return false;
  }
  return true;
}

/** A library that serves, kept open, or what is wrong with it. @throws what Deno.dlopen throws */
function examine(path: string): LoadedBlas | { readonly problem: string } {
  const known = kept.get(path);
  if (known) return known;
  return withOneThread(() => {
    const library = loadBlas(path);
    if (library === null) return { problem: "the library has no cblas_sgemm" };
    const refuse = (problem: string) => {
      library[Symbol.dispose]();
      return { problem };
    };
    if (!library.reentrant) return refuse("this OpenBLAS is built for one thread: several may not call it at once");
    library.useOneThread();
    if (!multiplies(library.sgemm)) return refuse("the library's cblas_sgemm gives wrong products");
    kept.set(path, library);
    return library;
  });
}

/** The first of the names under which the system has a fast library. Asks for no permission. */
function findByName(): BlasLibrary | null {
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return null;
  for (const path of NAMES[Deno.build.os] ?? []) {
    try {
      const found = examine(path);
      if (!("problem" in found) && found.name !== null) return { path, name: found.name };
    } catch {
      // Not on this system.
    }
  }
  return null;
}

/** A file by its absolute path; anything else as it is, for the system's loader. */
function resolve(choice: string): string {
  try {
    return Deno.realPathSync(choice);
  } catch {
    return choice;
  }
}

/**
 * Finds the BLAS to use. It stays loaded; workers open it again (blas.ts).
 * @param choice `auto`: a fast one that the system has, if any; `off`: none; otherwise a library's file or its name for the loader
 * @returns null where there is none to be used
 * @throws {UserError} where the library that `choice` names cannot be used
 */
export function findBlas(choice: string): BlasLibrary | null {
  if (choice === "off") return null;
  if (choice === "auto") return findByName();
  const refuse = (problem: string, cause?: unknown) =>
    new UserError(problem, { where: `--blas ${choice}`, expected: "auto, off or a BLAS library", hint: HINT, cause });
  if (choice === "") throw refuse("no library is named");
  const path = resolve(choice);
  let found: ReturnType<typeof examine>;
  try {
    found = examine(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw refuse(`the library cannot be loaded: ${reason}`, cause);
  }
  if ("problem" in found) throw refuse(found.problem);
  return { path, name: found.name ?? path.replace(/^.*[\\/]/, "") };
}

/**
 * How the engine is started for the CPU device, where that makes a difference: V8 on x64 can fuse neighbouring 128-bit SIMD
 * instructions to 256 bits, which doubles the rate of matrix products and more. It does so only where no bounds check stands between
 * them, and Deno's V8 has one at every access to a WebAssembly memory. Both are flags of the whole process, given when it starts:
 *
 * - `--experimental-wasm-revectorize` fuses. Every element is computed as before, so results are the same bits.
 * - `--no-wasm-bounds-checks` leaves the checks out. A 32-bit address cannot leave the 4 GiB that V8 reserves for the device's memory,
 *   but for the few bytes of an offset, so that the kernels stay in their own memory as before.
 *
 * Whoever starts the program so (tasks/, the portable file, the compiled executable) also sets the variable, from which the kernels
 * know. Without it everything works, in about twice the time.
 */

/** V8's flags. */
export const WIDE_FLAGS: readonly string[] = ["--experimental-wasm-revectorize", "--no-wasm-bounds-checks"];

/** The environment variable that is `1` in a process with these flags. */
export const WIDE_VARIABLE = "CODEKILN_WIDE_VECTORS";

/** Whether an engine for this processor knows the flags; another would not start with them. */
export function knowsWideFlags(arch: string = Deno.build.arch): boolean {
  return arch === "x86_64";
}

/** Whether this process was started with the flags. */
export function isWideEngine(): boolean {
  const known = Deno.permissions.querySync({ name: "env", variable: WIDE_VARIABLE }).state === "granted";
  return known && Deno.env.get(WIDE_VARIABLE) === "1";
}

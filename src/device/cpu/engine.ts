/**
 * How V8 is started for the CPU device. On x64 it can fuse neighbouring 128-bit SIMD instructions to 256 bits, which doubles the rate
 * of matrix products and helps the rest; but only where no bounds check stands between them, and Deno's V8 has one at every access to
 * a WebAssembly memory. Both are flags of the whole process:
 *
 * - `--experimental-wasm-revectorize` fuses. Every element is computed as before: the same bits.
 * - `--no-wasm-bounds-checks` leaves the checks out, for every module of the process. V8 reserves all 4 GiB that a 32-bit address
 *   reaches for a memory that declares no smaller maximum: a wrong address ends the process (an offset may pass the end by its own few
 *   bytes). This project's kernels declare none; sentencepiece-js declares 2 GiB, which is changed before it is instantiated
 *   (src/tokenizer/sentencepiece_library.ts).
 *
 * Whoever starts the program gives them in `DENO_V8_FLAGS` (tasks/v8_flags.ts, the portable file), where the kernels see them, or built
 * in (the compiled executable). Without them everything works, in about twice the time. In tasks and the portable file
 * `CODEKILN_V8_FLAGS` takes their place where it is set.
 */

const FLAGS = ["--experimental-wasm-revectorize", "--no-wasm-bounds-checks"];

/** The flags for a processor; another than x64 has no such instructions, and its engine would refuse to start with them. */
export function engineFlags(arch: string = Deno.build.arch): readonly string[] {
  return arch === "x86_64" ? FLAGS : [];
}

/** Whether this process was started with the flags, so far as it may know. */
export function isWideEngine(): boolean {
  const variable = "DENO_V8_FLAGS";
  if (Deno.permissions.querySync({ name: "env", variable }).state !== "granted") return false;
  const given = (Deno.env.get(variable) ?? "").split(/[\s,]+/);
  return FLAGS.every((flag) => given.includes(flag));
}

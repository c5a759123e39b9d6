/**
 * Compiles kernels/cpu (AssemblyScript) into two WASM modules from the same source: one with relaxed SIMD (fused multiply-adds),
 * one without, for engines that do not know it. `deno task` calls this where a source has changed.
 *
 * Usage: deno task build:kernels
 */
import * as asc from "assemblyscript/asc";
import { fromRoot } from "./deno_command.ts";

const source = "kernels/cpu/index.ts";
const features = ["--enable", "simd", "--enable", "threads"];
const memory = ["--importMemory", "--sharedMemory", "--initialMemory", "16", "--maximumMemory", "65536"];
/** Constants lie behind the control block (kernels/cpu/control.ts). */
const layout = ["--memoryBase", "65536", "--runtime", "stub"];

/** The two builds by file name. */
export const builds: Readonly<Record<string, readonly string[]>> = {
  "relaxed.wasm": ["--enable", "relaxed-simd"],
  "plain.wasm": [],
};

/**
 * Compiles the kernels.
 * @param flags further options of the AssemblyScript compiler
 * @param entry source file, from the checkout's root
 * @returns the module's bytes
 * @throws Error with the compiler's messages
 */
export async function compileKernels(flags: readonly string[], entry = source): Promise<Uint8Array<ArrayBuffer>> {
  let bytes: Uint8Array<ArrayBuffer> | undefined;
  const options = [...features, ...memory, ...layout, "--noAssert", "-O3", "--converge", ...flags];
  const { error, stderr } = await asc.main([entry, "--outFile", "out.wasm", ...options], {
    readFile(name) {
      try {
        return Deno.readTextFileSync(fromRoot(name));
      } catch {
        return null;
      }
    },
    writeFile(_, contents) {
      if (contents instanceof Uint8Array) bytes = new Uint8Array(contents);
    },
    listFiles: () => [],
  });
  if (error || !bytes) throw new Error(`the kernels do not compile:\n${stderr.toString()}`);
  return bytes;
}

if (import.meta.main) {
  const folder = fromRoot("kernels/cpu/build");
  await Deno.mkdir(folder, { recursive: true });
  for (const [name, flags] of Object.entries(builds)) {
    const bytes = await compileKernels(flags);
    const partial = await Deno.makeTempFile({ dir: folder, suffix: ".partial" });
    await Deno.writeFile(partial, bytes);
    await Deno.chmod(partial, 0o644);
    await Deno.rename(partial, `${folder}/${name}`);
  }
}

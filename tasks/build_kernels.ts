/**
 * Compiles kernels/ (AssemblyScript) to WASM: kernels/cpu into two modules from the same source, one with relaxed SIMD (fused
 * multiply-adds), one without, for engines that do not know it; kernels/tokenizer and kernels/corpus into one each. `deno task` calls this where a
 * source has changed.
 *
 * Usage: deno task build:kernels
 */
import * as asc from "assemblyscript/asc";
import { fromRoot } from "./deno_command.ts";

const source = "kernels/cpu/index.ts";
/** Constants lie behind the control block (kernels/cpu/control.ts). */
const cpu = [
  ...["--enable", "threads", "--sharedMemory", "--initialMemory", "16", "--maximumMemory", "65536"],
  ...["--memoryBase", "65536"],
];
/**
 * A memory of its own that can grow; it begins with all places of kernels/tokenizer/layout.ts but the vocabulary's. Its own data stand behind
 * BYTE_IDS: kernels/corpus may work on the same memory, whose first 4096 bytes are left to it.
 */
const tokenizer = ["--initialMemory", "64", "--memoryBase", "5120"];
/** The same; src/corpus/kernels.ts knows where its own data end. */
const corpus = ["--initialMemory", "1", "--memoryBase", "1024"];
const common = ["--enable", "simd", "--importMemory", "--runtime", "stub", "--noAssert", "-O3", "--converge"];

/** The two builds of the CPU kernels by file name. */
export const builds: Readonly<Record<string, readonly string[]>> = {
  "relaxed.wasm": ["--enable", "relaxed-simd"],
  "plain.wasm": [],
};

/**
 * Compiles the CPU's kernels.
 * @param flags further options of the AssemblyScript compiler
 * @param entry source file, from the checkout's root
 * @returns the module's bytes
 * @throws Error with the compiler's messages
 */
export function compileKernels(flags: readonly string[], entry = source): Promise<Uint8Array<ArrayBuffer>> {
  return compile(entry, [...cpu, ...flags]);
}

async function compile(entry: string, flags: readonly string[]): Promise<Uint8Array<ArrayBuffer>> {
  let bytes: Uint8Array<ArrayBuffer> | undefined;
  const { error, stderr } = await asc.main([entry, "--outFile", "out.wasm", ...common, ...flags], {
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

async function write(folder: string, name: string, bytes: Uint8Array): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  const partial = await Deno.makeTempFile({ dir: folder, suffix: ".partial" });
  await Deno.writeFile(partial, bytes);
  await Deno.chmod(partial, 0o644);
  await Deno.rename(partial, `${folder}/${name}`);
}

if (import.meta.main) {
  for (const [name, flags] of Object.entries(builds)) {
    await write(fromRoot("kernels/cpu/build"), name, await compileKernels(flags));
  }
  const encoder = await compile("kernels/tokenizer/index.ts", tokenizer);
  await write(fromRoot("kernels/tokenizer/build"), "encoder.wasm", encoder);
  await write(fromRoot("kernels/corpus/build"), "corpus.wasm", await compile("kernels/corpus/index.ts", corpus));
}

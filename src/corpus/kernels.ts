/** The loops of kernels/corpus. */
import corpusModule from "../../kernels/corpus/build/corpus.wasm" with { type: "bytes" };
import { lazyModule } from "../wasm.ts";

/** What is in that module, and its memory. Addresses from `OWN_DATA` on are not the module's. */
export interface CorpusKernels {
  readonly memory: WebAssembly.Memory;
  copyString(from: number, end: number, to: number): number;
  copiedTo(): number;
  sawHigh(): number;
  lineEnd(from: number, end: number): number;
  countLines(from: number, end: number): number;
}

/** Below are the module's own data. */
export const OWN_DATA = 4096;

const compile = lazyModule(corpusModule);

/**
 * The kernels, or null where they do not run.
 * @param memory Where they are to work; default: one page of their own.
 */
export function openKernels(memory = new WebAssembly.Memory({ initial: 1 })): CorpusKernels | null {
  const module = compile();
  if (module === null) return null;
  return { memory, ...new WebAssembly.Instance(module, { env: { memory } }).exports } as unknown as CorpusKernels;
}

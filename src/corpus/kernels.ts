/** The loops of kernels/corpus, each time with a memory of their own. */
import corpusModule from "../../kernels/corpus/build/corpus.wasm" with { type: "bytes" };
import { lazyModule } from "../wasm.ts";

/** What is in that module, and its memory. Addresses from `OWN_DATA` on are the caller's. */
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

/** The kernels with a memory of one page, or null where they do not run. */
export function openKernels(): CorpusKernels | null {
  const module = compile();
  if (module === null) return null;
  const memory = new WebAssembly.Memory({ initial: 1 });
  return { memory, ...new WebAssembly.Instance(module, { env: { memory } }).exports } as unknown as CorpusKernels;
}

/**
 * npm's sentencepiece-js: the C++ library as WebAssembly, loaded only when a model is.
 *
 * Where V8 runs without bounds checks (src/device/cpu/engine.ts), what keeps a wrong address from other memory is the address space
 * that V8 reserves for a module's memory: as much as the memory may grow to. The library declares 2 GiB, half of what a 32-bit
 * address reaches. So its module is changed on its way to the engine to declare 4 GiB; it never asks for more than 2 GiB all the
 * same. Offsets, which come on top of an address, are of at most 8960 bytes in this library.
 */

import process from "node:process";
import { declareWholeMemory } from "./wasm_memory.ts";

/** A model in the library's hands. */
export interface Processor {
  encodeIds(text: string): number[];
  processor: { status(): { ToString(): string; delete(): void } };
}

/** What is used of the package, which has no types of its own. */
interface Library {
  SentencePieceProcessor: new () => Processor & { load(path: string): Promise<void> };
}

/** A processor and the memory of its module. */
export interface LoadedModel {
  readonly processor: Processor;
  readonly memory: WebAssembly.Memory;
}

let lastLoad: Promise<unknown> = Promise.resolve();

/** Loads a model file; models that are asked for at the same time are loaded one after the other. */
export function loadModel(file: string): Promise<LoadedModel> {
  const load = lastLoad.then(() => loadNow(file));
  lastLoad = load.catch(() => {});
  return load;
}

async function loadNow(file: string): Promise<LoadedModel> {
  const processor = new (await importLibrary()).SentencePieceProcessor();
  const memories = await instantiatingWithWholeMemory(() => withoutNewListeners(() => processor.load(file)));
  if (memories.length !== 1) {
    throw new Error(`sentencepiece-js has ${memories.length} memories that could be fenced, not 1`);
  }
  return { processor, memory: memories[0] };
}

/** The package, which in a bundle misses the `__filename` and `__dirname` that it asks for. */
async function importLibrary(): Promise<Library> {
  for (const missing of ["__filename", "__dirname"]) {
    if (!(missing in globalThis)) Object.defineProperty(globalThis, missing, { value: "/", configurable: true });
  }
  const library: unknown = await import("sentencepiece-js");
  if (!isLibrary(library)) throw new Error("sentencepiece-js has no SentencePieceProcessor");
  return library;
}

/**
 * Runs `action`, in which modules whose memory declares less than 4 GiB are changed to declare that. The package takes no module from
 * outside and no hook: `WebAssembly.instantiate` itself stands in for meanwhile. Other modules pass through it as they are.
 * @returns the memories of the modules that were changed.
 */
async function instantiatingWithWholeMemory(action: () => Promise<void>): Promise<WebAssembly.Memory[]> {
  const memories: WebAssembly.Memory[] = [];
  const instantiate = WebAssembly.instantiate;
  const changed = async (source: unknown, ...rest: unknown[]): Promise<unknown> => {
    const whole = source instanceof Uint8Array ? declareWholeMemory(source) : null;
    const result: unknown = await Reflect.apply(instantiate, WebAssembly, [whole ?? source, ...rest]);
    if (whole !== null) memories.push(...exportedMemories(result));
    return result;
  };
  WebAssembly.instantiate = changed as typeof instantiate;
  try {
    await action();
  } finally {
    WebAssembly.instantiate = instantiate;
  }
  return memories;
}

function exportedMemories(result: unknown): WebAssembly.Memory[] {
  const { instance } = result as WebAssembly.WebAssemblyInstantiatedSource;
  return Object.values(instance.exports).filter((value) => value instanceof WebAssembly.Memory);
}

/** Runs `action` and takes off the listeners for stray errors that it put on: the process is not the library's. */
async function withoutNewListeners(action: () => Promise<void>): Promise<void> {
  const uncaught = process.listeners("uncaughtException");
  const unhandled = process.listeners("unhandledRejection");
  try {
    await action();
  } finally {
    for (const listener of process.listeners("uncaughtException")) {
      if (!uncaught.includes(listener)) process.removeListener("uncaughtException", listener);
    }
    for (const listener of process.listeners("unhandledRejection")) {
      if (!unhandled.includes(listener)) process.removeListener("unhandledRejection", listener);
    }
  }
}

function isLibrary(value: unknown): value is Library {
  return typeof value === "object" && value !== null && "SentencePieceProcessor" in value &&
    typeof value.SentencePieceProcessor === "function";
}

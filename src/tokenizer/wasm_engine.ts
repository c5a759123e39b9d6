/**
 * The encoder's engine in WebAssembly: kernels/tokenizer on a memory of its own. About 6 MB with GPT-2's vocabulary; a
 * memory that had to grow cannot shrink, so `shrink` takes a new one and forgets the cache. Behind the tables lie the room for texts that
 * others write, the window, and what a long piece needs.
 */

import encoderModule from "../../kernels/tokenizer/build/encoder.wasm" with { type: "bytes" };
import {
  ARENA,
  BYTE_IDS,
  CACHE,
  MAX_MERGES,
  OUT_OF_MEMORY,
  SLOT_BYTES,
  TEXT_PADDING,
  VOCABULARY,
} from "../../kernels/tokenizer/layout.ts";
import { lazyModule } from "../wasm.ts";
import { CLASS_RUNS } from "./characters.ts";
import type { EncoderEngine, EncoderTables } from "./engine.ts";
import { PATTERN_NAMES } from "./patterns.ts";

const PAGE = 65536;
/** The memory ends at 4 GiB, and addresses behind the text must not wrap. */
const MAX_BYTES = 2 ** 32 - 2 * PAGE;
/** A memory that is larger by so much than it has to be is given back. */
const MAX_EXCESS = 16 * 1024 * 1024;

/** The engine's module, or null where it cannot run. It can be sent to other threads, which then need not compile it. */
export const encoderProgram = lazyModule(encoderModule);

/** What the module exports. */
interface Exports {
  makeClasses(runs: number): void;
  makeMerges(merges: number, count: number, slots: number, mask: number, results: number): number;
  encode(pattern: number, start: number, end: number, last: number, scratch: number): number;
  outputStart(): number;
  outputCount(): number;
  narrowOutput(): void;
}

/** An engine for these tables, or null where there is no memory for it or the vocabulary's numbers are too large. */
export function createWasmEngine(
  module: WebAssembly.Module,
  { byteToId, merges, pattern: name }: EncoderTables,
): EncoderEngine | null {
  const pattern = PATTERN_NAMES.indexOf(name);
  const mergeCount = merges.length / 3;
  if (mergeCount >= MAX_MERGES) return null;
  let slots = 1024;
  while (slots < mergeCount * 2) slots *= 2;
  const resultsStart = VOCABULARY + slots * SLOT_BYTES;
  const roomStart = Math.ceil((resultsStart + mergeCount * 4) / PAGE) * PAGE;
  /** The tables are made from what stands behind them. */
  const leastBytes = Math.ceil((roomStart + Math.max(CLASS_RUNS.length, merges.byteLength)) / PAGE) * PAGE;

  let memory: WebAssembly.Memory;
  let exports: Exports;
  let bytes: Uint8Array;
  let windowStart: number;
  let windowBytes: number;

  /** Takes a new memory, as small as may be. @throws {RangeError} where there is none. */
  function begin(): void {
    memory = new WebAssembly.Memory({ initial: leastBytes / PAGE });
    exports = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Exports;
    bytes = new Uint8Array(memory.buffer);
    bytes.set(CLASS_RUNS, roomStart);
    exports.makeClasses(roomStart);
    new Uint32Array(bytes.buffer, BYTE_IDS, 256).set(byteToId);
    new Uint32Array(bytes.buffer, roomStart, merges.length).set(merges);
    if (!exports.makeMerges(roomStart, mergeCount, VOCABULARY, slots - 1, resultsStart)) {
      throw new RangeError("the ids are too large");
    }
    // The cache is read before it is written to: pages that are first read are shared zeros, and each would be replaced at a time, with a
    // signal to the other processors.
    bytes.fill(0, CACHE, ARENA);
    windowStart = roomStart;
    windowBytes = 0;
  }

  /** Makes a window of at least so many bytes from an address on. */
  function openWindow(start: number, size: number): void {
    const end = Math.ceil((start + size + TEXT_PADDING) / PAGE) * PAGE;
    if (end > MAX_BYTES) throw new RangeError("it is too long");
    const missing = (end - memory.buffer.byteLength) / PAGE;
    if (missing > 0) memory.grow(missing);
    windowStart = start;
    windowBytes = end - start - TEXT_PADDING;
  }

  /** The buffer as it is now. One whose memory has grown is empty; to ask the memory takes longer. */
  function view(): ArrayBufferLike {
    if (bytes.length === 0) bytes = new Uint8Array(memory.buffer);
    return bytes.buffer;
  }

  try {
    begin();
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
  return {
    name: "WebAssembly",
    window(size) {
      if (windowBytes < size) openWindow(windowStart, size);
      view();
      return bytes.subarray(windowStart, windowStart + windowBytes);
    },
    room(size, windowSize) {
      const end = Math.ceil((roomStart + size + TEXT_PADDING) / 16) * 16;
      try {
        if (memory.buffer.byteLength - Math.max(end, leastBytes) > MAX_EXCESS) begin();
        openWindow(end, windowSize);
      } catch (error) {
        if (error instanceof RangeError) return null;
        throw error;
      }
      return { memory, start: roomStart };
    },
    run(start, end, last) {
      const scratch = Math.ceil((windowStart + windowBytes + TEXT_PADDING) / 16) * 16;
      const next = exports.encode(pattern, start, end, last ? 1 : 0, scratch);
      if (next === OUT_OF_MEMORY) throw new RangeError("there is no memory for a piece so long");
      return next >>> 0;
    },
    ids: () => new Uint32Array(view(), exports.outputStart() >>> 0, exports.outputCount()),
    shortIds() {
      exports.narrowOutput();
      return new Uint16Array(view(), exports.outputStart() >>> 0, exports.outputCount());
    },
    shrink: begin,
  };
}

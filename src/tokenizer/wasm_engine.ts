/**
 * The encoder's engine in WebAssembly: kernels/tokenizer on a memory of its own. About 7 MB with GPT-2's vocabulary; a
 * memory that had to grow cannot shrink, so `shrink` takes a new one and forgets the cache. The tables of all engines in all threads
 * come from one image. Behind them lie the room for texts that others write, the window, and what a long piece needs.
 */

import encoderModule from "../../kernels/tokenizer/build/encoder.wasm" with { type: "bytes" };
import {
  ARENA,
  BYTE_IDS,
  BYTE_PAIRS,
  CACHE,
  CLASSES,
  FILTER,
  NO_MERGE_KEY,
  OUT_OF_MEMORY,
  TEXT_PADDING,
  VOCABULARY,
} from "../../kernels/tokenizer/layout.ts";
import { lazyModule } from "../wasm.ts";
import { classTable } from "./characters.ts";
import type { EncoderEngine, EncoderTables } from "./engine.ts";
import { buildMergeTable } from "./merge_table.ts";
import { PATTERN_NAMES } from "./patterns.ts";

const PAGE = 65536;
/** The memory ends at 4 GiB, and addresses behind the text must not wrap. */
const MAX_BYTES = 2 ** 32 - 2 * PAGE;
/** A memory that is larger by so much than it has to be is given back. */
const MAX_EXCESS = 16 * 1024 * 1024;
/** Ranks above do not fit into a key. */
const MAX_MERGES = NO_MERGE_KEY >>> 8;

/** An engine's tables as they stand in its memory: what other threads need to have the same one at once. Can be sent to them. */
export interface EngineImage {
  readonly module: WebAssembly.Module;
  /** Memory up to the text; the cache in it is empty. */
  readonly bytes: SharedArrayBuffer;
  /** Slots of the merge table less one. */
  readonly mask: number;
  /** Address of the merges' results. */
  readonly results: number;
  /** Number of the pattern. */
  readonly pattern: number;
}

/** What the module exports. */
interface Exports {
  setMerges(slots: number, mask: number, results: number): void;
  encode(pattern: number, start: number, end: number, last: number, scratch: number): number;
  outputStart(): number;
  outputCount(): number;
  narrowOutput(): void;
}

const compile = lazyModule(encoderModule);

/** An image of an engine for these tables, or null where it cannot run here or not with so large a vocabulary. */
export function createEngineImage(tables: EncoderTables): EngineImage | null {
  const module = compile();
  if (module === null || tables.merges.length / 3 >= MAX_MERGES) return null;
  const { slots, mask, results, filter } = buildMergeTable(tables.merges);
  const resultsAt = VOCABULARY + slots.byteLength;
  const bytes = new SharedArrayBuffer(Math.ceil((resultsAt + results.byteLength) / PAGE) * PAGE);
  const place = (address: number, length: number) => new Uint32Array(bytes, address, length);
  place(BYTE_IDS, 256).set(tables.byteToId);
  place(BYTE_PAIRS, 65536).set(bytePairKeys(tables));
  place(VOCABULARY, slots.length).set(slots);
  place(resultsAt, results.length).set(results);
  new Uint8Array(bytes).set(classTable(), CLASSES);
  new Uint8Array(bytes).set(filter, FILTER);
  return { module, bytes, mask, results: resultsAt, pattern: PATTERN_NAMES.indexOf(tables.pattern) };
}

/** An engine that begins with an image, or null where there is no memory for it. */
export function createWasmEngine(image: EngineImage): EncoderEngine | null {
  const { module, pattern } = image;
  const tables = new Uint8Array(image.bytes);
  const roomStart = tables.length;

  let memory: WebAssembly.Memory;
  let exports: Exports;
  let bytes: Uint8Array;
  let windowStart: number;
  let windowBytes: number;

  function instantiate(pages: number): void {
    memory = new WebAssembly.Memory({ initial: pages });
    exports = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Exports;
    exports.setMerges(VOCABULARY, image.mask, image.results);
    bytes = new Uint8Array(memory.buffer);
    bytes.set(tables.subarray(BYTE_IDS, CACHE), BYTE_IDS);
    bytes.set(tables.subarray(FILTER), FILTER);
    // The cache is read before it is written to: pages that are first read are shared zeros, and each would be replaced at a time, with a
    // signal to the other processors.
    bytes.fill(0, CACHE, ARENA);
    windowStart = roomStart;
    windowBytes = 0;
  }

  const smallest = () => instantiate(roomStart / PAGE + 1);

  /** Makes a window of at least so many bytes from an address on. */
  function openWindow(start: number, size: number): void {
    const end = Math.ceil((start + size + TEXT_PADDING) / PAGE) * PAGE;
    if (end > MAX_BYTES) throw new RangeError("it is too long");
    const missing = (end - memory.buffer.byteLength) / PAGE;
    if (missing > 0) memory.grow(missing);
    windowStart = start;
    windowBytes = end - start - TEXT_PADDING;
  }

  try {
    smallest();
  } catch {
    return null; // no memory to be had
  }
  return {
    name: "WebAssembly",
    window(size) {
      if (windowBytes < size) openWindow(windowStart, size);
      if (bytes.buffer !== memory.buffer) bytes = new Uint8Array(memory.buffer);
      return bytes.subarray(windowStart, windowStart + windowBytes);
    },
    room(size, windowSize) {
      const end = Math.ceil((roomStart + size + TEXT_PADDING) / 16) * 16;
      try {
        if (memory.buffer.byteLength - end > MAX_EXCESS) smallest();
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
    ids: () => new Uint32Array(memory.buffer, exports.outputStart() >>> 0, exports.outputCount()),
    shortIds() {
      exports.narrowOutput();
      return new Uint16Array(memory.buffer, exports.outputStart() >>> 0, exports.outputCount());
    },
    shrink: smallest,
  };
}

/** The key of the merge of every two bytes, as kernels/tokenizer/merge.ts reads it. */
function bytePairKeys({ byteToId, merges }: EncoderTables): Uint32Array {
  const byteOf = new Int16Array(byteToId.reduce((most, id) => Math.max(most, id), 0) + 1).fill(-1);
  for (let byte = 0; byte < 256; byte++) byteOf[byteToId[byte]] = byte;
  const keys = new Uint32Array(65536).fill(NO_MERGE_KEY);
  for (let i = 0; i < merges.length; i += 3) {
    const left = merges[i] < byteOf.length ? byteOf[merges[i]] : -1;
    const right = merges[i + 1] < byteOf.length ? byteOf[merges[i + 1]] : -1;
    if (left >= 0 && right >= 0) keys[left << 8 | right] = (i / 3) << 8;
  }
  return keys;
}

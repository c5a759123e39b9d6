/**
 * The encoder's engine in WebAssembly: kernels/tokenizer on a memory of its own. About 7 MB with GPT-2's vocabulary; a
 * memory that had to grow cannot shrink, so `shrink` moves the tables to a new one and forgets the cache.
 */

import encoderModule from "../../kernels/tokenizer/build/encoder.wasm" with { type: "bytes" };
import {
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
import { CLASSES as classTable } from "./characters.ts";
import type { EncoderEngine, EncoderTables } from "./encoder.ts";
import { buildMergeTable } from "./merge_table.ts";
import { PATTERN_NAMES } from "./patterns.ts";

const PAGE = 65536;
/** The memory ends at 4 GiB, and addresses behind the text must not wrap. */
const MAX_BYTES = 2 ** 32 - 2 * PAGE;
/** Ranks above do not fit into a key. */
const MAX_MERGES = NO_MERGE_KEY >>> 8;

/** What the module exports. */
interface Exports {
  setMerges(slots: number, mask: number, results: number): void;
  encode(pattern: number, start: number, end: number, last: number, scratch: number): number;
  outputStart(): number;
  outputCount(): number;
}

let compiled: WebAssembly.Module | null | undefined;

/** The module, compiled once in a thread, or null where the engine does not take it (it has no SIMD). */
function compile(): WebAssembly.Module | null {
  if (compiled === undefined) {
    try {
      compiled = new WebAssembly.Module(encoderModule);
    } catch {
      compiled = null;
    }
  }
  return compiled;
}

/** The engine, or null where it cannot run here or not with so large a vocabulary. */
export function createWasmEngine(tables: EncoderTables): EncoderEngine | null {
  const module = compile();
  if (module === null || tables.merges.length / 3 >= MAX_MERGES) return null;
  const pattern = PATTERN_NAMES.indexOf(tables.pattern);
  const { slots, mask, results, filter } = buildMergeTable(tables.merges);
  const resultsAt = VOCABULARY + slots.byteLength;
  const text = Math.ceil((resultsAt + results.byteLength) / PAGE) * PAGE;

  let memory: WebAssembly.Memory;
  let exports: Exports;
  let bytes: Uint8Array;
  let capacity: number; // bytes of the window

  function instantiate(pages: number): void {
    memory = new WebAssembly.Memory({ initial: pages });
    exports = new WebAssembly.Instance(module as WebAssembly.Module, { env: { memory } }).exports as unknown as Exports;
    exports.setMerges(VOCABULARY, mask, resultsAt);
    bytes = new Uint8Array(memory.buffer);
    capacity = 0;
  }

  try {
    instantiate(text / PAGE + 1);
  } catch {
    return null; // no memory to be had
  }
  const place = (address: number, length: number) => new Uint32Array(memory.buffer, address, length);
  place(BYTE_IDS, 256).set(tables.byteToId);
  place(BYTE_PAIRS, 65536).set(bytePairKeys(tables));
  place(VOCABULARY, slots.length).set(slots);
  place(resultsAt, results.length).set(results);
  bytes!.set(classTable, CLASSES);
  bytes!.set(filter, FILTER);

  return {
    name: "WebAssembly",
    window(size) {
      if (capacity < size) {
        const end = text + size + TEXT_PADDING;
        if (end > MAX_BYTES) throw new RangeError("it is too long");
        const missing = Math.ceil(end / PAGE) - memory.buffer.byteLength / PAGE;
        if (missing > 0) memory.grow(missing);
        capacity = Math.ceil(end / PAGE) * PAGE - text - TEXT_PADDING;
      }
      if (bytes.buffer !== memory.buffer) bytes = new Uint8Array(memory.buffer);
      return bytes.subarray(text, text + capacity);
    },
    run(start, end, last) {
      const scratch = Math.ceil((text + capacity + TEXT_PADDING) / 16) * 16;
      const next = exports.encode(pattern, text + start, text + end, last ? 1 : 0, scratch);
      if (next === OUT_OF_MEMORY) throw new RangeError("there is no memory for a piece so long");
      return (next >>> 0) - text;
    },
    ids: () => new Uint32Array(memory.buffer, exports.outputStart() >>> 0, exports.outputCount()),
    shrink() {
      const old = new Uint8Array(memory.buffer);
      instantiate(text / PAGE + 1);
      bytes.set(old.subarray(0, CACHE));
      bytes.set(old.subarray(FILTER, text), FILTER);
    },
  };
}

/** The key of the merge of every two bytes, as kernels/tokenizer/merge.ts reads it. */
function bytePairKeys({ byteToId, merges }: EncoderTables): Uint32Array {
  const byteOf = new Map(Array.from(byteToId, (id, byte) => [id, byte]));
  const keys = new Uint32Array(65536).fill(NO_MERGE_KEY);
  for (let i = 0; i < merges.length; i += 3) {
    const left = byteOf.get(merges[i]);
    const right = byteOf.get(merges[i + 1]);
    if (left !== undefined && right !== undefined) keys[left << 8 | right] = (i / 3) << 8;
  }
  return keys;
}

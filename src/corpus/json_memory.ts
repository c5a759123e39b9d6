/**
 * Where lines are parsed and their texts written: in the memory of kernels/corpus, whose loops go 64 bytes at a time, or, where that
 * does not run or would not be large enough, in plain arrays with loops in TypeScript.
 */
import { type CorpusKernels, openKernels, OWN_DATA as SOURCE } from "./kernels.ts";
import { type CopyEasyPart, copyEasyPart } from "./json_strings.ts";

/** A block's bytes, ready to be parsed. All places are indices of the arrays. */
export interface Loaded {
  readonly source: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** Takes texts from `textStart` on: there is room for as many bytes as the block has. */
  readonly text: Uint8Array;
  readonly textStart: number;
  /** The first line feed from `from` on; `end` where there is none. */
  lineEnd(from: number): number;
}

export interface JsonMemory {
  /** The last block's memory is used again. */
  load(bytes: Uint8Array): Loaded;
  /** From a loaded source to its text. */
  readonly copyText: CopyEasyPart;
}

const PAGE = 65536;
/** Bytes that are read and written behind what is asked for. */
const PADDING = 128;
/** A memory that has become larger is given back. */
const KEPT_BYTES = 16 * 1024 * 1024;
const MAX_BYTES = 2 ** 32 - PAGE;

/** @param choice `TypeScript` takes plain arrays in any case. */
export function createJsonMemory(choice: "best" | "TypeScript" = "best"): JsonMemory {
  let kernels: CorpusKernels | null = choice === "best" ? openKernels() : null;
  let array: Uint8Array = new Uint8Array(0);

  /** The kernels with room for so many bytes, or null. */
  function reserve(bytes: number): CorpusKernels | null {
    if (kernels === null || bytes > MAX_BYTES) return null;
    if (kernels.memory.buffer.byteLength > KEPT_BYTES) kernels = openKernels() ?? kernels;
    const missing = Math.ceil(bytes / PAGE) - kernels.memory.buffer.byteLength / PAGE;
    try {
      if (missing > 0) kernels.memory.grow(missing);
    } catch (error) {
      if (error instanceof RangeError) return null;
      throw error;
    }
    if (array.buffer !== kernels.memory.buffer) array = new Uint8Array(kernels.memory.buffer);
    return kernels;
  }

  return {
    load(bytes) {
      const textStart = Math.ceil((SOURCE + bytes.length + PADDING) / PADDING) * PADDING;
      const opened = reserve(textStart + bytes.length + PADDING);
      if (opened === null) return loadPlain(bytes);
      array.set(bytes, SOURCE);
      const end = SOURCE + bytes.length;
      const { lineEnd } = opened;
      return { source: array, start: SOURCE, end, text: array, textStart, lineEnd: (from) => lineEnd(from, end) >>> 0 };
    },
    copyText(source, sourceView, end, target, targetView, cursor) {
      if (kernels === null || source !== array) {
        return copyEasyPart(source, sourceView, end, target, targetView, cursor);
      }
      cursor.from = kernels.copyString(cursor.from, end, cursor.to) >>> 0; // addresses are unsigned
      cursor.to = kernels.copiedTo() >>> 0;
      if (kernels.sawHigh()) cursor.seen = -1;
    },
  };
}

function loadPlain(bytes: Uint8Array): Loaded {
  const end = bytes.length;
  const lineEnd = (from: number): number => {
    const found = bytes.indexOf(10, from);
    return found < 0 ? end : found;
  };
  return { source: bytes, start: 0, end, text: new Uint8Array(end), textStart: 0, lineEnd };
}

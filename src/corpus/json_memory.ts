/**
 * Where lines are parsed and their texts written: in a memory of WebAssembly, where the loops of kernels/corpus go 64 bytes at a time, or,
 * where they do not run or there is no room, in plain arrays with loops in TypeScript. The memory may be somebody else's who needs the
 * texts there: an encoder's.
 */
import type { MemoryRoom } from "../wasm.ts";
import { type CopyEasyPart, copyEasyPart } from "./json_strings.ts";
import { type CorpusKernels, openKernels, OWN_DATA } from "./kernels.ts";

/** Gives room of so many bytes in a memory whose first `OWN_DATA` bytes are left to kernels/corpus; null where there is none. */
export type RoomSource = (bytes: number) => MemoryRoom | null;

/** A block's bytes, ready to be parsed. All places are indices of the arrays. */
export interface Loaded {
  readonly start: number;
  readonly end: number;
  /** Where a text is to be written: there is room for as many bytes as the block has. */
  readonly textStart: number;
  /** The arrays, to be asked for again when others have had their turn: their memory may have grown. */
  source(): Uint8Array;
  text(): Uint8Array;
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
/** An own memory that has become larger is given back. */
const KEPT_BYTES = 16 * 1024 * 1024;
const MAX_BYTES = 2 ** 32 - PAGE;

/**
 * @param room Where lines are to be parsed; in a memory of their own where it has no room, or is not given.
 * @param choice `TypeScript` takes plain arrays in any case.
 */
export function createJsonMemory(room: RoomSource | null = null, choice: "best" | "TypeScript" = "best"): JsonMemory {
  const ownRoom = createRoom();
  let kernels: CorpusKernels | null = null;
  let array: Uint8Array = new Uint8Array(0);

  /** The kernels in a room, or null. */
  function open(found: MemoryRoom | null): CorpusKernels | null {
    if (found === null) return null;
    if (kernels?.memory !== found.memory) kernels = openKernels(found.memory);
    return kernels;
  }

  return {
    load(bytes) {
      const { length } = bytes;
      const textAt = Math.ceil((length + PADDING) / PADDING) * PADDING;
      const size = textAt + length + PADDING;
      const found = choice === "best" ? room?.(size) ?? ownRoom(size) : null;
      const opened = open(found);
      if (found === null || opened === null) return loadPlain(bytes);
      const { memory, start } = found;
      if (array.buffer !== memory.buffer) array = new Uint8Array(memory.buffer);
      const view = (): Uint8Array => {
        // The array of a memory that has grown is empty; to ask the memory takes longer.
        if (array.length === 0) array = new Uint8Array(memory.buffer);
        return array;
      };
      view().set(bytes, start);
      const end = start + length;
      const lineEnd = (from: number): number => opened.lineEnd(from, end) >>> 0; // addresses are unsigned
      return { start, end, textStart: start + textAt, source: view, text: view, lineEnd };
    },
    copyText(source, sourceView, end, target, targetView, cursor) {
      if (kernels === null || source !== array) {
        return copyEasyPart(source, sourceView, end, target, targetView, cursor);
      }
      cursor.from = kernels.copyString(cursor.from, end, cursor.to) >>> 0;
      cursor.to = kernels.copiedTo() >>> 0;
      if (kernels.sawHigh()) cursor.seen = -1;
    },
  };
}

/** A memory that grows as it must. */
function createRoom(): RoomSource {
  let memory: WebAssembly.Memory | null = null;
  return (bytes) => {
    const end = OWN_DATA + bytes;
    if (end > MAX_BYTES) return null;
    try {
      if (memory === null || memory.buffer.byteLength > KEPT_BYTES) memory = new WebAssembly.Memory({ initial: 1 });
      const missing = Math.ceil(end / PAGE) - memory.buffer.byteLength / PAGE;
      if (missing > 0) memory.grow(missing);
      return { memory, start: OWN_DATA };
    } catch (error) {
      if (error instanceof RangeError) return null;
      throw error;
    }
  };
}

function loadPlain(bytes: Uint8Array): Loaded {
  const end = bytes.length;
  const text = new Uint8Array(end);
  const lineEnd = (from: number): number => {
    const found = bytes.indexOf(10, from);
    return found < 0 ? end : found;
  };
  return { start: 0, end, textStart: 0, source: () => bytes, text: () => text, lineEnd };
}

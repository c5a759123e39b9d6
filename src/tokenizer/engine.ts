/** What an encoder's engine is: encoder.ts drives it, wasm_engine.ts and script_engine.ts are two. */

import type { MemoryRoom } from "../wasm.ts";
import type { PatternName } from "./patterns.ts";

/** What ids are made from. */
export interface EncoderTables {
  /** The id of each of the 256 bytes. */
  readonly byteToId: Int32Array;
  /** Triples (left, right, result) in order of rank. */
  readonly merges: Int32Array;
  readonly pattern: PatternName;
}

/** Turns windows of text into ids. */
export interface EncoderEngine {
  readonly name: EngineName;
  /**
   * The window: space for text, of at least the bytes asked for. What was in it is lost where it has to grow.
   * @throws {RangeError} where there is no memory for it.
   */
  window(bytes: number): Uint8Array;
  /** See `Tokenizer.textRoom`. There is a window of the bytes asked for behind it; what was in the old one is lost. */
  room(bytes: number, windowBytes: number): MemoryRoom | null;
  /**
   * Encodes text in the window or in the room, by its place in their buffer. It may have another buffer afterwards.
   * @param last Whether the text ends at `end`; otherwise pieces close to it are left for later.
   * @returns Where to go on. It is `start` where a piece may be longer than what is there.
   */
  run(start: number, end: number, last: boolean): number;
  /** The ids of the last run: a view that is good until the next one. */
  ids(): Uint32Array;
  /** The same in 16 bits, where all ids fit; to be asked for once, and not after `ids`. */
  shortIds(): Uint16Array;
  /** Gives back the memory of a window that has grown, and everything that was needed beside it. The room is no longer encoded in place. */
  shrink(): void;
}

export type EngineName = "WebAssembly" | "TypeScript";

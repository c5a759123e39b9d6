/**
 * Encodes texts of any length as ids, window by window, so that an encoder's memory stays small: an engine gets a window of
 * text, encodes the pieces that are certain to end where they seem to, and says where to go on. Only a piece that is longer
 * than the window makes it grow, and afterwards it shrinks again.
 *
 * Two engines give the same ids: WebAssembly (wasm_engine.ts) and plain TypeScript (script_engine.ts), which runs where the
 * other does not.
 */

import { CodekilnError } from "../errors.ts";
import type { MemoryRoom } from "../wasm.ts";
import type { EncoderTables, EngineName } from "./engine.ts";
import { createScriptEngine } from "./script_engine.ts";
import { createWasmEngine, encoderProgram } from "./wasm_engine.ts";

/** Bytes of text in a window. */
const WINDOW = 1 << 17;
/** A window that has become larger is given back after the text that needed it. */
const KEPT_WINDOW = 1 << 20;

/** What encoders grow from, in other threads as well: it can be sent to them. */
export interface EncoderSeed {
  readonly tables: EncoderTables;
  /** Null where WebAssembly is not to be used. */
  readonly module: WebAssembly.Module | null;
}

export interface Encoder {
  readonly engine: EngineName;
  /** Ids of a text. */
  encode(utf8: Uint8Array): Uint32Array<ArrayBuffer>;
  /** Hands the ids of a text to `use` in portions, in order. A portion is good only during the call. */
  encodeEach(utf8: Uint8Array, use: (ids: Uint32Array) => void): void;
  /** See `Tokenizer`. */
  encodeInto(utf8: Uint8Array, ids: Uint32Array | Uint16Array, at?: number): number;
  /** See `Tokenizer`. */
  textRoom(bytes: number): MemoryRoom | null;
}

/** @param choice `TypeScript` takes that engine in any case. */
export function createEncoder(tables: EncoderTables, choice: "best" | "TypeScript" = "best"): Encoder {
  return growEncoder(choice === "best" ? encoderSeed(tables) : { tables, module: null });
}

/** A seed of encoders with the best engine that there is. */
export function encoderSeed(tables: EncoderTables): EncoderSeed {
  return { tables, module: encoderProgram() };
}

/** An encoder from a seed. */
export function growEncoder({ tables, module }: EncoderSeed): Encoder {
  const engine = (module && createWasmEngine(module, tables)) ?? createScriptEngine(tables);
  let window = engine.window(WINDOW);
  let scratch = new Uint32Array(0);

  /** Encodes a text that stands in the engine's buffer. */
  function encodeInPlace(start: number, end: number, use: () => void): void {
    for (let at = start; at < end;) {
      at = engine.run(at, end, true);
      use();
    }
  }

  function encodeCopied(utf8: Uint8Array, use: () => void): void {
    const length = utf8.length;
    for (let from = 0; from < length;) {
      const size = Math.min(length - from, window.length);
      window.set(size === length ? utf8 : utf8.subarray(from, from + size));
      const last = from + size === length;
      const start = window.byteOffset;
      let at = start;
      for (let next = start; at < start + size; at = next) {
        next = engine.run(at, start + size, last);
        if (next === at) break;
        use();
      }
      // Running may have moved the window; a piece that fills it needs a larger one.
      window = engine.window(at === start ? Math.min(size * 2, length) : WINDOW);
      from += at - start;
    }
  }

  /** Encodes a text in portions; after each, `use` takes the engine's ids. */
  function encodePortions(utf8: Uint8Array, use: () => void): void {
    const { length } = utf8; // of a text in a memory that grows nothing is left
    try {
      if (utf8.buffer === window.buffer) encodeInPlace(utf8.byteOffset, utf8.byteOffset + length, use);
      else encodeCopied(utf8, use);
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      throw new CodekilnError(`a text of ${length} bytes cannot be encoded: ${cause.message}`, { cause });
    } finally {
      if (window.length > KEPT_WINDOW) engine.shrink();
      window = engine.window(WINDOW);
    }
  }

  function encodeInto(utf8: Uint8Array, ids: Uint32Array | Uint16Array, at = 0): number {
    const start = at;
    if (ids.length - start < utf8.length) throw new RangeError("there must be room for an id for every byte");
    if (ids instanceof Uint16Array) {
      encodePortions(utf8, () => {
        const part = engine.shortIds();
        ids.set(part, at);
        at += part.length;
      });
    } else {
      encodePortions(utf8, () => {
        const part = engine.ids();
        ids.set(part, at);
        at += part.length;
      });
    }
    return at - start;
  }

  function encodeEach(utf8: Uint8Array, use: (ids: Uint32Array) => void): void {
    encodePortions(utf8, () => use(engine.ids()));
  }

  return {
    engine: engine.name,
    encode(utf8) {
      let count = 0;
      encodeEach(utf8, (part) => {
        if (count + part.length > scratch.length) {
          const larger = new Uint32Array((count + part.length) * 2);
          larger.set(scratch.subarray(0, count));
          scratch = larger;
        }
        scratch.set(part, count);
        count += part.length;
      });
      const result = scratch.slice(0, count);
      if (scratch.length > KEPT_WINDOW) scratch = new Uint32Array(0);
      return result;
    },
    encodeEach,
    encodeInto,
    textRoom(bytes) {
      const room = engine.room(bytes, WINDOW);
      window = engine.window(WINDOW);
      return room;
    },
  };
}

/**
 * The encoder's engine in plain TypeScript: cut text into pieces (split.ts), look each piece up in a cache, merge the ones
 * that are new. It runs where WebAssembly does not, and is what the other engine is tested against.
 *
 * The cache is open addressing over one Int32Array, four numbers a slot: two key words, `count << 8 | length`, and the id
 * (count 1) or the place of the ids in an arena. A piece of up to 8 bytes is its own key; a longer one is keyed by its
 * hash and the place of its bytes in an arena. 2^17 slots stay in the processor's cache; when it is half full, or an
 * arena is, everything is forgotten and the cache starts anew.
 */

import { LOOKAHEAD } from "../../kernels/tokenizer/layout.ts";
import type { EncoderEngine, EncoderTables } from "./engine.ts";
import { mergePiece } from "./merge.ts";
import { buildMergeTable } from "./merge_table.ts";
import { hashBytes, hashWords, HIGH_MASK, LOW_MASK } from "./piece_hash.ts";
import { createSplitter } from "./split.ts";

const SLOTS = 1 << 17;
const SLOT_MASK = SLOTS - 1;
const MAX_ENTRIES = SLOTS / 2;
/** Longer pieces are merged every time they come. */
const MAX_CACHED_BYTES = 128;
const BYTE_ARENA = 1 << 20;
const ID_ARENA = 1 << 19;
/** Readable bytes behind the text, so that a key can be read as two words anywhere. */
const PADDING = 8;

/** The engine that runs everywhere. */
export function createScriptEngine({ byteToId, merges, pattern }: EncoderTables): EncoderEngine {
  const pieceEnd = createSplitter(pattern);
  const table = buildMergeTable(merges);
  const slots = new Int32Array(SLOTS * 4);
  const keyBytes = new Uint8Array(BYTE_ARENA);
  const cachedIds = new Uint32Array(ID_ARENA);
  let entries = 0;
  let keyBytesUsed = 0;
  let cachedIdsUsed = 0;

  let text = new Uint8Array(PADDING);
  let view = new DataView(text.buffer);
  let ids = new Uint32Array(0);
  let idCount = 0;

  function sameBytes(start: number, length: number, keyStart: number): boolean {
    for (let i = 0; i < length; i++) if (text[start + i] !== keyBytes[keyStart + i]) return false;
    return true;
  }

  /** Merges the piece at `start` and writes its ids at `out`; gives the number of ids. */
  function encodePiece(start: number, length: number, out: number): number {
    for (let i = 0; i < length; i++) ids[out + i] = byteToId[text[start + i]];
    return mergePiece(table, ids, out, length);
  }

  /** Like `encodePiece`, and remembers the result in `slot` (which is empty) or, after a reset, where it belongs. */
  function encodeNew(start: number, length: number, out: number, slot: number, low: number, high: number): number {
    const count = encodePiece(start, length, out);
    if (entries >= MAX_ENTRIES || keyBytesUsed + length > BYTE_ARENA || cachedIdsUsed + count > ID_ARENA) {
      slots.fill(0);
      entries = keyBytesUsed = cachedIdsUsed = 0;
      slot = hashWords(low, high, length) & SLOT_MASK;
    }
    entries++;
    const at = slot * 4;
    slots[at] = low;
    slots[at + 1] = high;
    slots[at + 2] = count << 8 | length;
    if (length > 8) {
      slots[at + 1] = keyBytesUsed;
      for (let i = 0; i < length; i++) keyBytes[keyBytesUsed++] = text[start + i];
    }
    if (count === 1) {
      slots[at + 3] = ids[out];
    } else {
      slots[at + 3] = cachedIdsUsed;
      for (let i = 0; i < count; i++) cachedIds[cachedIdsUsed++] = ids[out + i];
    }
    return count;
  }

  /** Writes the ids of the piece at `start` at `out`; gives the number of ids. */
  function lookUp(start: number, length: number, out: number): number {
    let low: number;
    let high: number;
    if (length <= 8) {
      low = view.getInt32(start, true) & LOW_MASK[length];
      high = length > 4 ? view.getInt32(start + 4, true) & HIGH_MASK[length] : 0;
    } else {
      low = hashBytes(view, text, start, length);
      high = 0;
    }
    for (let slot = hashWords(low, high, length) & SLOT_MASK;; slot = (slot + 1) & SLOT_MASK) {
      const at = slot * 4;
      const shape = slots[at + 2];
      if (shape === 0) return encodeNew(start, length, out, slot, low, high);
      if (slots[at] !== low || (shape & 0xff) !== length) continue;
      if (length <= 8 ? slots[at + 1] !== high : !sameBytes(start, length, slots[at + 1])) continue;
      const count = shape >>> 8;
      const value = slots[at + 3];
      if (count === 1) ids[out] = value;
      else for (let i = 0; i < count; i++) ids[out + i] = cachedIds[value + i];
      return count;
    }
  }

  return {
    name: "TypeScript",
    window(bytes) {
      if (text.length < bytes + PADDING) {
        text = new Uint8Array(bytes + PADDING);
        view = new DataView(text.buffer);
        ids = new Uint32Array(bytes);
      }
      return text.subarray(0, -PADDING);
    },
    room: () => null,
    run(start, end, last) {
      const limit = last ? end : end - LOOKAHEAD;
      let out = 0;
      while (start < limit) {
        const stop = pieceEnd(text, start, end);
        if (stop > limit) break;
        const length = stop - start;
        out += length <= MAX_CACHED_BYTES ? lookUp(start, length, out) : encodePiece(start, length, out);
        start = stop;
      }
      idCount = out;
      return start;
    },
    ids: () => ids.subarray(0, idCount),
    shortIds: () => Uint16Array.from(ids.subarray(0, idCount)),
    shrink() {
      text = new Uint8Array(PADDING);
      view = new DataView(text.buffer);
      ids = new Uint32Array(0);
    },
  };
}

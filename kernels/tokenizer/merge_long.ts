/**
 * Byte-pair merging of one long piece, O(n log n): a heap of pairs over a list of ids that is linked by lengths alone, so
 * that a piece of n bytes needs 4 n bytes for its ids and at most 16 n for the heap, which grows as it must.
 *
 * The list has a word for every byte. Where an id starts stands the id, with HEAD set if the id spans several bytes; then
 * its length stands, with INNER set, in its second and its last byte. Words of bytes inside an id always have INNER set.
 * A key of the heap is `rank << 32 | place`. Keys of pairs that are no more are passed over when they come up.
 */
import { BYTE_IDS, NO_MERGE_KEY, OUT_OF_MEMORY } from "./layout";
import { mergeKey, resultOf } from "./merge";

const HEAD: u32 = 0x80000000;
const INNER: u32 = 0x40000000;
const PAGE: usize = 65536;

let list: usize = 0;
let size: u32 = 0; // bytes of the piece
let heap: usize = 0;
let heapEnd: usize = 0; // behind the last key

// @ts-ignore: decorator
@inline
function word(place: u32): usize {
  return list + (<usize>place << 2);
}

/** Length in bytes of the id that starts at `place`. */
// @ts-ignore: decorator
@inline
function lengthAt(place: u32, id: u32): u32 {
  return id & HEAD ? load<u32>(word(place), 4) & ~INNER : 1;
}

function siftUp(at: usize, key: u64): void {
  while (at > heap) {
    const parent = heap + ((((at - heap) >>> 3) - 1) >>> 1 << 3);
    const value = load<u64>(parent);
    if (value <= key) break;
    store<u64>(at, value);
    at = parent;
  }
  store<u64>(at, key);
}

function siftDown(at: usize, key: u64): void {
  for (;;) {
    let child = heap + ((((at - heap) >>> 3 << 1) + 1) << 3);
    if (child >= heapEnd) break;
    let value = load<u64>(child);
    if (child + 8 < heapEnd) {
      const right = load<u64>(child, 8);
      if (right < value) {
        value = right;
        child += 8;
      }
    }
    if (value >= key) break;
    store<u64>(at, value);
    at = child;
  }
  store<u64>(at, key);
}

/** Makes sure that the memory reaches to `address`. */
function reach(address: usize): bool {
  const have = <usize>memory.size() * PAGE;
  if (address <= have) return true;
  // Some in advance, so that it does not happen for every key.
  const pages = (address - have + PAGE - 1) / PAGE;
  return memory.grow(<i32>(pages + (<usize>memory.size() >>> 4))) >= 0 || memory.grow(<i32>pages) >= 0;
}

/** Puts the pair that starts at `place` into the heap, if it is a merge. */
// @ts-ignore: decorator
@inline
function push(place: u32, left: u32, right: u32): bool {
  const key = mergeKey(left & ~HEAD, right & ~HEAD);
  if (key == NO_MERGE_KEY) return true;
  if (!reach(heapEnd + 8)) return false;
  heapEnd += 8;
  siftUp(heapEnd - 8, (<u64>(key >>> 8) << 32) | <u64>place);
  return true;
}

/**
 * Merges a piece; its ids come to stand at `scratch`, one after the other.
 * @param scratch Where free memory begins; more of it is asked for as needed.
 * @returns Number of ids, or OUT_OF_MEMORY.
 */
export function mergeLong(text: usize, length: u32, scratch: usize): i32 {
  list = scratch;
  size = length;
  heap = (scratch + (<usize>length << 2) + 15) & ~7;
  heapEnd = heap;
  if (<u64>heap + (<u64>length << 3) + 16 > 0xffff0000) return OUT_OF_MEMORY;
  if (!reach(heap + (<usize>length << 3))) return OUT_OF_MEMORY;
  let left = load<u32>(<usize>BYTE_IDS + (<usize>load<u8>(text) << 2));
  store<u32>(word(0), left);
  for (let i: u32 = 1; i < length; i++) {
    const right = load<u32>(<usize>BYTE_IDS + (<usize>load<u8>(text + i) << 2));
    store<u32>(word(i), right);
    const key = mergeKey(left, right);
    if (key != NO_MERGE_KEY) {
      store<u64>(heapEnd, (<u64>(key >>> 8) << 32) | <u64>(i - 1));
      heapEnd += 8;
    }
    left = right;
  }
  for (let i = <i32>((heapEnd - heap) >>> 4) - 1; i >= 0; i--) {
    const at = heap + (<usize>i << 3);
    siftDown(at, load<u64>(at));
  }
  return mergeAll() ? compact() : OUT_OF_MEMORY;
}

function mergeAll(): bool {
  while (heapEnd > heap) {
    const key = load<u64>(heap);
    heapEnd -= 8;
    if (heapEnd > heap) siftDown(heap, load<u64>(heapEnd));
    const place = <u32>key;
    const rank = <u32>(key >>> 32);
    const left = load<u32>(word(place));
    if (left & INNER) continue;
    const leftLength = lengthAt(place, left);
    const next = place + leftLength;
    if (next >= size) continue;
    const right = load<u32>(word(next));
    if (mergeKey(left & ~HEAD, right & ~HEAD) != rank << 8) continue; // the pair has changed since
    const made = resultOf(rank);
    const length = leftLength + lengthAt(next, right);
    store<u32>(word(next), INNER);
    store<u32>(word(place), made | HEAD);
    store<u32>(word(place), length | INNER, 4);
    store<u32>(word(place + length - 1), length | INNER);
    if (place + length < size && !push(place, made, load<u32>(word(place + length)))) return false;
    if (place > 0) {
      const before = load<u32>(word(place - 1));
      const previous = before & INNER ? place - (before & ~INNER) : place - 1;
      if (!push(previous, load<u32>(word(previous)), made)) return false;
    }
  }
  return true;
}

/** Moves the ids together to the beginning of the list; gives their number. */
function compact(): i32 {
  let count: u32 = 0;
  for (let place: u32 = 0; place < size;) {
    const id = load<u32>(word(place));
    const length = lengthAt(place, id);
    store<u32>(word(count++), id & ~HEAD);
    place += length;
  }
  return count;
}

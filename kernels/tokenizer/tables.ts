/**
 * Makes an encoder's tables in their places (layout.ts). The memory holds zeros before.
 */
import { BYTE_IDS, BYTE_PAIRS, CLASSES, FILTER } from "./layout";
import { hashPair, mergeKey, setMerges } from "./merge";

const CODE_POINTS: u32 = 0x110000;

/** Expands the runs of characters' classes (tasks/unicode_classes.ts has the format). */
export function makeClasses(runs: usize): void {
  let codePoint: u32 = 0;
  while (codePoint < CODE_POINTS) {
    let value: u32 = 0;
    let shift: u32 = 0;
    let byte: u32;
    do {
      byte = load<u8>(runs++);
      value |= (byte & 127) << shift;
      shift += 7;
    } while (byte > 127);
    const end = min(CODE_POINTS, codePoint + (value >>> 2));
    const kind = value & 3;
    while (codePoint < end) {
      const at = <usize>CLASSES + (codePoint >>> 2);
      if ((codePoint & 3) == 0 && end - codePoint >= 4) {
        // Four code points to a byte: some runs are very long.
        memory.fill(at, <u8>(kind * 0x55), (end - codePoint) >>> 2);
        codePoint = end & ~3;
      } else {
        store<u8>(at, load<u8>(at) | (kind << ((codePoint & 3) << 1)));
        codePoint++;
      }
    }
  }
}

/**
 * Makes the table of the merges, the merges' results, the filter and the keys of pairs of bytes, whose ids are in their place.
 * @param merges Triples (left, right, result) in order of rank, no pair twice.
 * @param slots Where the table comes: slots of (left, right, rank, result), open addressing with linear probing.
 * @param mask Number of slots less one; a power of two less one, and more than there are merges.
 * @param results Where the result of each rank comes.
 */
export function makeMerges(merges: usize, count: u32, slots: usize, mask: u32, results: usize): void {
  memory.fill(slots, 0xff, (<usize>mask + 1) << 4);
  for (let rank: u32 = 0; rank < count; rank++, merges += 12) {
    const left = load<u32>(merges);
    const right = load<u32>(merges, 4);
    const result = load<u32>(merges, 8);
    const hash = hashPair(left, right);
    const bits = <usize>FILTER + (hash >>> 16);
    store<u8>(bits, load<u8>(bits) | (<u8>1 << <u8>((hash >>> 13) & 7)));
    let slot = hash & mask;
    while (load<i32>(slots + (<usize>slot << 4)) != -1) slot = (slot + 1) & mask;
    const at = slots + (<usize>slot << 4);
    store<u32>(at, left);
    store<u32>(at, right, 4);
    store<u32>(at, rank, 8);
    store<u32>(at, result, 12);
    store<u32>(results + (<usize>rank << 2), result);
  }
  setMerges(slots, mask, results);
  for (let pair: u32 = 0; pair < 65536; pair++) {
    const left = load<u32>(<usize>BYTE_IDS + (<usize>(pair >>> 8) << 2));
    const right = load<u32>(<usize>BYTE_IDS + (<usize>(pair & 255) << 2));
    store<u32>(<usize>BYTE_PAIRS + (<usize>pair << 2), mergeKey(left, right));
  }
}

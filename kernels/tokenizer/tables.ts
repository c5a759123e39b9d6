/**
 * Makes an encoder's tables in their places (layout.ts). The memory holds zeros before.
 */
import { BYTE_IDS, BYTE_PAIRS, CLASSES, FILTER, MAX_ID, SLOT_BYTES } from "./layout";
import { hashOf, mergeKey, pairOf, setMerges } from "./merge";

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
 * @param merges Triples (left, right, result) in order of rank, no pair twice; fewer than MAX_MERGES.
 * @param slots Where the table comes: open addressing with linear probing (merge.ts has what is in a slot).
 * @param mask Number of slots less one; a power of two less one, and more than there are merges.
 * @param results Where the result of each rank comes.
 * @returns false where an id is not below MAX_ID.
 */
export function makeMerges(merges: usize, count: u32, slots: usize, mask: u32, results: usize): bool {
  const first = count > 0 ? load<u32>(merges, 8) : 0;
  let most: u32 = 0;
  for (let byte: usize = 0; byte < 256; byte++) most = max(most, load<u32>(<usize>BYTE_IDS + (byte << 2)));
  let inSequence = true;
  memory.fill(slots, 0xff, (<usize>mask + 1) * SLOT_BYTES);
  for (let rank: u32 = 0; rank < count; rank++, merges += 12) {
    const left = load<u32>(merges);
    const right = load<u32>(merges, 4);
    const result = load<u32>(merges, 8);
    most = max(most, max(max(left, right), result));
    inSequence = inSequence && result == first + rank;
    const pair = pairOf(left, right);
    const hash = hashOf(pair);
    const bits = <usize>FILTER + (hash >>> 16);
    store<u8>(bits, load<u8>(bits) | (<u8>1 << <u8>((hash >>> 13) & 7)));
    let slot = (hash >>> 7) & mask;
    while (load<u64>(slots + <usize>slot * SLOT_BYTES) != <u64>-1) slot = (slot + 1) & mask;
    store<u64>(slots + <usize>slot * SLOT_BYTES, (pair << 22) | rank);
    store<u32>(results + (<usize>rank << 2), result);
  }
  if (most >= <u32>MAX_ID) return false;
  setMerges(slots, mask, results, inSequence ? first : -1);
  for (let pair: u32 = 0; pair < 65536; pair++) {
    const left = load<u32>(<usize>BYTE_IDS + (<usize>(pair >>> 8) << 2));
    const right = load<u32>(<usize>BYTE_IDS + (<usize>(pair & 255) << 2));
    store<u32>(<usize>BYTE_PAIRS + (<usize>pair << 2), mergeKey(left, right));
  }
  return true;
}

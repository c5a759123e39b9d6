/**
 * Byte-pair merging of one piece of up to 64 bytes: again and again the pair of the lowest rank, leftmost first, becomes
 * one id. Ids stay where their first byte is; a bit mask tells which are left, and their neighbours. The key of a pair is
 * `rank << 8 | place`, so the least key is the pair to merge.
 */
import { BYTE_IDS, BYTE_PAIRS, FILTER, MAX_MERGES, NO_MERGE_KEY, SCAN_IDS, SCAN_KEYS } from "./layout";

let table: usize = 0;
let tableMask: u32 = 0;
let results: usize = 0;
let base: i32 = -1;

/**
 * Tells where the vocabulary's merges are.
 * @param slots The table: pairs with their ranks below them, -1 where a slot is empty.
 * @param mask Number of slots less one.
 * @param resultsOfRanks What each merge makes, by rank.
 * @param resultBase Where merge after merge makes the next id: the first of them; else -1.
 */
export function setMerges(slots: usize, mask: u32, resultsOfRanks: usize, resultBase: i32): void {
  table = slots;
  tableMask = mask;
  results = resultsOfRanks;
  base = resultBase;
}

/** Two ids below MAX_ID in one number. A slot of the table has a rank below MAX_MERGES in the 22 bits under it. */
// @ts-ignore: decorator
@inline
export function pairOf(left: u32, right: u32): u64 {
  return (<u64>left << 21) | right;
}

/** A well-mixed hash of a pair: the filter goes by its upper 19 bits, the table by those from bit 7 on. */
// @ts-ignore: decorator
@inline
export function hashOf(pair: u64): u32 {
  return <u32>((pair * 0x9e3779b97f4a7c15) >>> 32);
}

/** Key of the merge of two neighbours without its place, or NO_MERGE_KEY. */
// @ts-ignore: decorator
@inline
export function mergeKey(left: u32, right: u32): u32 {
  const pair = pairOf(left, right);
  const hash = hashOf(pair);
  if (((<u32>load<u8>(<usize>FILTER + (hash >>> 16)) >>> ((hash >>> 13) & 7)) & 1) == 0) return NO_MERGE_KEY;
  let slot = (hash >>> 7) & tableMask;
  while (true) {
    const found = load<u64>(table + (<usize>slot << 3));
    if (found >>> 22 == pair) return (<u32>found & (MAX_MERGES - 1)) << 8;
    if (found == <u64>-1) return NO_MERGE_KEY;
    slot = (slot + 1) & tableMask;
  }
}

/** The id that a merge makes. */
// @ts-ignore: decorator
@inline
export function resultOf(rank: u32): u32 {
  return base >= 0 ? base + rank : load<u32>(results + (<usize>rank << 2));
}

/** The least of the keys, of which there are `vectors` times four. */
// @ts-ignore: decorator
@inline
function leastKey(vectors: u32): u32 {
  let least = v128.load(SCAN_KEYS);
  for (let i: u32 = 1; i < vectors; i++) least = i32x4.min_s(least, v128.load(<usize>SCAN_KEYS + (<usize>i << 4)));
  least = i32x4.min_s(least, i32x4.shuffle(least, least, 2, 3, 0, 1));
  least = i32x4.min_s(least, i32x4.shuffle(least, least, 1, 0, 3, 2));
  return i32x4.extract_lane(least, 0);
}

/**
 * Writes the ids of a piece at `out`.
 * @param length Bytes, 1 to 64.
 * @returns Number of ids.
 */
export function mergeShort(text: usize, length: u32, out: usize): u32 {
  let first = <u32>load<u8>(text);
  store<u32>(SCAN_IDS, load<u32>(<usize>BYTE_IDS + (<usize>first << 2)));
  for (let i: u32 = 1; i < length; i++) {
    const second = <u32>load<u8>(text + i);
    store<u32>(<usize>SCAN_IDS + (<usize>i << 2), load<u32>(<usize>BYTE_IDS + (<usize>second << 2)));
    const key = load<u32>(<usize>BYTE_PAIRS + (<usize>((first << 8) | second) << 2)) | (i - 1);
    store<u32>(<usize>SCAN_KEYS + (<usize>(i - 1) << 2), key);
    first = second;
  }
  v128.store(<usize>SCAN_KEYS + (<usize>(length - 1) << 2), i32x4.splat(NO_MERGE_KEY));
  const vectors = (length + 3) >>> 2;
  let live = <u64>-1 >>> (64 - length);
  for (;;) {
    const key = leastKey(vectors);
    if (key >= <u32>NO_MERGE_KEY) break;
    const at = <u64>(key & 63);
    const made = resultOf(key >>> 8);
    store<u32>(<usize>SCAN_IDS + (<usize>at << 2), made);
    const gone = ctz(live & (<u64>-2 << at));
    live ^= (<u64>1) << gone;
    store<u32>(<usize>SCAN_KEYS + (<usize>gone << 2), NO_MERGE_KEY);
    const after = live & (<u64>-2 << at);
    let ahead: u32 = NO_MERGE_KEY;
    if (after) ahead = mergeKey(made, load<u32>(<usize>SCAN_IDS + (<usize>ctz(after) << 2)));
    store<u32>(<usize>SCAN_KEYS + (<usize>at << 2), ahead | <u32>at);
    const before = live & (((<u64>1) << at) - 1);
    if (before) {
      const previous = 63 - clz(before);
      const behind = mergeKey(load<u32>(<usize>SCAN_IDS + (<usize>previous << 2)), made);
      store<u32>(<usize>SCAN_KEYS + (<usize>previous << 2), behind | <u32>previous);
    }
  }
  let count: u32 = 0;
  for (; live; live &= live - 1) {
    store<u32>(out + (<usize>count << 2), load<u32>(<usize>SCAN_IDS + (<usize>ctz(live) << 2)));
    count++;
  }
  return count;
}

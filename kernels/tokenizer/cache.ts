/**
 * The cache from pieces to ids. A set is a cache line of two entries, each a key and a value of 16 bytes. A hit in the
 * second entry moves it to the front; a new piece takes the second one's place: what is frequent stays, whatever else comes.
 *
 * Key of a piece of up to 15 bytes: the bytes, zeros, and the length in byte 15. Key of a longer one: a hash, and LONG in byte 15.
 * Value: up to three ids and four times their number in word 3; or place in the arena, length and number of ids, and -1
 * in word 3. In the arena, a ring, stand the ids and then, of long pieces only, the bytes. Places count on for ever; what
 * is older than the ring is long has been overwritten.
 */
import { ARENA, ARENA_BYTES, CACHE, CACHE_SETS_LOG2, MEDIUM_SCRATCH } from "./layout";
import { mergeShort } from "./merge";
import { mergeLong } from "./merge_long";

const LONG: u64 = 0xff;
/** Longer pieces are merged every time they come. */
const MAX_CACHED_BYTES: u32 = 256;
const SETS_BYTES: usize = 64 << CACHE_SETS_LOG2;

/** Bytes ever put into the arena. */
let arenaUsed: u32 = ARENA_BYTES;

/** The key of a piece of up to 15 bytes; 16 bytes are readable at `start`. */
// @ts-ignore: decorator
@inline
export function shortKey(start: usize, length: u32): v128 {
  const lengths = i8x16.splat(<i8>length);
  const inside = i8x16.gt_s(lengths, i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
  const lastByte = i8x16(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1);
  return v128.or(v128.and(v128.load(start), inside), v128.and(lengths, lastByte));
}

/** Where the set of a key is. */
// @ts-ignore: decorator
@inline
export function setOf(key: v128): usize {
  const hash = (<u64>i64x2.extract_lane(key, 0) * 0x9e3779b97f4a7c15) ^ (<u64>i64x2.extract_lane(key, 1) * 0xc2b2ae3d27d4eb4f);
  return <usize>CACHE + (<usize>(hash >>> (64 - CACHE_SETS_LOG2)) << 6);
}

// @ts-ignore: decorator
@inline
export function sameKey(a: v128, b: v128): bool {
  return !v128.any_true(v128.xor(a, b));
}

/** The key of a piece of more than 15 bytes. */
function longKey(start: usize, length: u32): v128 {
  let a: u64 = length, b: u64 = 0;
  let at = start;
  const last = start + length - 8;
  for (; at < last; at += 8) {
    a = (a ^ load<u64>(at)) * 0x9e3779b97f4a7c15;
    b = rotl(b ^ a, 29);
    a ^= a >>> 32;
  }
  a = (a ^ load<u64>(last)) * 0x9e3779b97f4a7c15;
  b = (b ^ a) * 0xc2b2ae3d27d4eb4f;
  return i64x2.replace_lane(i64x2.splat(a ^ (a >>> 29)), 1, (b >>> 8) | (LONG << 56));
}

function sameBytes(a: usize, b: usize, length: u32): bool {
  const last = length - 16;
  for (let i: u32 = 0; i < last; i += 16) {
    if (v128.any_true(v128.xor(v128.load(a + i), v128.load(b + i)))) return false;
  }
  return !v128.any_true(v128.xor(v128.load(a + last), v128.load(b + last)));
}

/**
 * Writes the ids that a value of an entry stands for.
 * @returns Behind the ids, or 0 where the value is not, or no longer, the piece's.
 */
function take(entry: usize, start: usize, length: u32, out: usize): usize {
  const bytes = load<i32>(entry, 28);
  if (bytes >= 0) {
    v128.store(out, v128.load(entry, 16));
    return out + bytes;
  }
  const place = load<u32>(entry, 16);
  if (arenaUsed - place > <u32>ARENA_BYTES) return 0;
  const ids = <usize>ARENA + (place & (ARENA_BYTES - 1));
  const count = load<u32>(entry, 24);
  if (length > 15 && (load<u32>(entry, 20) != length || !sameBytes(ids + (<usize>count << 2), start, length))) return 0;
  for (let i: usize = 0; i < <usize>count << 2; i += 16) v128.store(out + i, v128.load(ids + i));
  return out + (<usize>count << 2);
}

/** Puts a piece and its ids, which stand at `ids`, into the second entry of its set. */
function remember(set: usize, key: v128, start: usize, length: u32, ids: usize, count: u32): void {
  v128.store(set, key, 32);
  if (count <= 3 && length <= 15) {
    v128.store(set, i32x4.replace_lane(v128.load(ids), 3, count << 2), 48);
    return;
  }
  const size = ((count << 2) + (length > 15 ? length : 0) + 15) & ~15;
  // In one stretch, and with room to be read 16 bytes at a time.
  const room = <u32>ARENA_BYTES - (arenaUsed & (ARENA_BYTES - 1));
  if (size + 16 > room) arenaUsed += room;
  if (arenaUsed > 0xf0000000) {
    // Before places wrap around, everything is forgotten.
    memory.fill(CACHE, 0, SETS_BYTES);
    arenaUsed = ARENA_BYTES;
    v128.store(set, key, 32);
  }
  const place = arenaUsed;
  const at = <usize>ARENA + (place & (ARENA_BYTES - 1));
  memory.copy(at, ids, <usize>count << 2);
  if (length > 15) memory.copy(at + (<usize>count << 2), start, length);
  arenaUsed += size;
  v128.store(set, i32x4(place, length, count, -1), 48);
}

/**
 * Writes the ids of any piece of up to MEDIUM_PIECE bytes at `out`, from the cache or by merging.
 * @returns Behind the ids.
 */
export function emit(start: usize, length: u32, out: usize): usize {
  if (length > MAX_CACHED_BYTES) return out + (<usize>mergeMedium(start, length, out) << 2);
  const key = length <= 15 ? shortKey(start, length) : longKey(start, length);
  const set = setOf(key);
  if (sameKey(key, v128.load(set))) {
    const behind = take(set, start, length, out);
    if (behind) return behind;
  }
  const second = v128.load(set, 32);
  if (sameKey(key, second)) {
    const behind = take(set + 32, start, length, out);
    if (behind) {
      const value = v128.load(set, 48);
      v128.store(set, v128.load(set), 32);
      v128.store(set, v128.load(set, 16), 48);
      v128.store(set, key);
      v128.store(set, value, 16);
      return behind;
    }
  }
  const count = length <= 64 ? mergeShort(start, length, out) : mergeMedium(start, length, out);
  remember(set, key, start, length, out, count);
  return out + (<usize>count << 2);
}

function mergeMedium(start: usize, length: u32, out: usize): u32 {
  const count = mergeLong(start, length, MEDIUM_SCRATCH);
  memory.copy(out, MEDIUM_SCRATCH, <usize>count << 2);
  return count;
}

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

/** For each length up to 15: which bits of the first and of the second eight bytes belong to the piece. */
const MASKS = memory.data<u64>([
  0x0000000000000000, 0x0000000000000000,
  0x00000000000000ff, 0x0000000000000000,
  0x000000000000ffff, 0x0000000000000000,
  0x0000000000ffffff, 0x0000000000000000,
  0x00000000ffffffff, 0x0000000000000000,
  0x000000ffffffffff, 0x0000000000000000,
  0x0000ffffffffffff, 0x0000000000000000,
  0x00ffffffffffffff, 0x0000000000000000,
  0xffffffffffffffff, 0x0000000000000000,
  0xffffffffffffffff, 0x00000000000000ff,
  0xffffffffffffffff, 0x000000000000ffff,
  0xffffffffffffffff, 0x0000000000ffffff,
  0xffffffffffffffff, 0x00000000ffffffff,
  0xffffffffffffffff, 0x000000ffffffffff,
  0xffffffffffffffff, 0x0000ffffffffffff,
  0xffffffffffffffff, 0x00ffffffffffffff,
]);

/** First half of the key of a piece of up to 15 bytes; 16 bytes are readable at `start`. */
// @ts-ignore: decorator
@inline
export function shortLow(start: usize, length: u32): u64 {
  return load<u64>(start) & load<u64>(MASKS + (<usize>length << 4));
}

/** Second half, with the length in its highest byte. */
// @ts-ignore: decorator
@inline
export function shortHigh(start: usize, length: u32): u64 {
  return (load<u64>(start, 8) & load<u64>(MASKS + (<usize>length << 4), 8)) | (<u64>length << 56);
}

/** Where the set of a key is. */
// @ts-ignore: decorator
@inline
export function setOf(low: u64, high: u64): usize {
  const hash = (low ^ rotl(high, 23)) * 0x9e3779b97f4a7c15;
  return <usize>CACHE + (<usize>(hash >>> (64 - CACHE_SETS_LOG2)) << 6);
}

/** Whether an entry has this key. */
// @ts-ignore: decorator
@inline
export function hasKey(entry: usize, low: u64, high: u64): bool {
  return ((load<u64>(entry) ^ low) | (load<u64>(entry, 8) ^ high)) == 0;
}

/** First half of the key of a piece of more than 15 bytes; the second one is in `longHigh`. */
function longLow(start: usize, length: u32): u64 {
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
  longHigh = (b >>> 8) | (LONG << 56);
  return a ^ (a >>> 29);
}

let longHigh: u64 = 0;

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
function remember(set: usize, low: u64, high: u64, start: usize, length: u32, ids: usize, count: u32): void {
  store<u64>(set, low, 32);
  store<u64>(set, high, 40);
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
    store<u64>(set, low, 32);
    store<u64>(set, high, 40);
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
  if (length <= 15) return emitKeyed(shortLow(start, length), shortHigh(start, length), start, length, out);
  const low = longLow(start, length);
  return emitKeyed(low, longHigh, start, length, out);
}

/** The same for a piece of up to MAX_CACHED_BYTES bytes whose key is known. */
export function emitKeyed(low: u64, high: u64, start: usize, length: u32, out: usize): usize {
  const set = setOf(low, high);
  if (hasKey(set, low, high)) {
    const behind = take(set, start, length, out);
    if (behind) return behind;
  }
  if (hasKey(set + 32, low, high)) {
    const behind = take(set + 32, start, length, out);
    if (behind) {
      const key = v128.load(set, 32);
      const value = v128.load(set, 48);
      v128.store(set, v128.load(set), 32);
      v128.store(set, v128.load(set, 16), 48);
      v128.store(set, key);
      v128.store(set, value, 16);
      return behind;
    }
  }
  const count = length <= 64 ? mergeShort(start, length, out) : mergeMedium(start, length, out);
  remember(set, low, high, start, length, out, count);
  return out + (<usize>count << 2);
}

function mergeMedium(start: usize, length: u32, out: usize): u32 {
  const count = mergeLong(start, length, MEDIUM_SCRATCH);
  memory.copy(out, MEDIUM_SCRATCH, <usize>count << 2);
  return count;
}

/** Dropout of attention: which probabilities of a strip of 8 queries are kept (the counters: src/program/random.ts). */
import { threefry4, threefryWord1 } from "./random";

const LANES = memory.data<i32>([0, 1, 2, 3], 16);

/**
 * masks (count, 8) = all ones where the probability of (key + row, query + lane) is kept, else 0. A counter's two words are two
 * neighbouring keys' of one query: two rows of the strip.
 * @param count even, as is `key`
 * @param seed address of the two words of the seed
 */
export function keepMasks(
  masks: usize,
  count: u32,
  key: u32,
  query: u32,
  head: u32,
  sequence: u32,
  seed: usize,
  threshold: u32,
  stream: u32,
): void {
  const key0 = v128.load32_splat(seed);
  const key1 = v128.load32_splat(seed, 4);
  const place = i32x4.splat(stream | head);
  const limit = i32x4.splat(threshold);
  const pairs = (sequence + 1) >> 1;
  const one = i32x4.splat(1);
  const lane = i32x4.add(i32x4.splat(query), v128.load(LANES));
  let low = i32x4.add(i32x4.mul(lane, i32x4.splat(pairs)), i32x4.splat(key >> 1));
  let high = i32x4.add(low, i32x4.splat(pairs << 2));
  const end = masks + (<usize>count << 5);
  for (; masks != end; masks += 64) {
    const even0 = threefry4(key0, key1, low, place);
    const odd0 = threefryWord1();
    v128.store(masks, i32x4.ge_u(even0, limit));
    v128.store(masks, i32x4.ge_u(odd0, limit), 32);
    const even1 = threefry4(key0, key1, high, place);
    const odd1 = threefryWord1();
    v128.store(masks, i32x4.ge_u(even1, limit), 16);
    v128.store(masks, i32x4.ge_u(odd1, limit), 48);
    low = i32x4.add(low, one);
    high = i32x4.add(high, one);
  }
}

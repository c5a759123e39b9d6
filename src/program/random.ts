/**
 * Counter-based random bits: Threefry-2x32 with 13 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
 * SC 2011). The same key and counter give the same words on every device, so nothing has to be stored or replayed.
 *
 * Counters in use, with key = the two words of a seed tensor:
 *   dropout op, element e:              counter (e >> 1, stream << 20),            word e & 1
 *   attention, sequence·heads + head h, row i, column j of S:
 *                                       counter (i · ⌈S/2⌉ + (j >> 1), stream << 20 | h),  word j & 1
 *   sample, n-th new token of sequence q: counter (n, q), word 0
 */

const PARITY = 0x1bd11bda;
const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24];
const ROUNDS = 13;

/** Two 32-bit random words for a 64-bit key and a 64-bit counter. */
export function threefry(key0: number, key1: number, counter0: number, counter1: number): [number, number] {
  const key = [key0 >>> 0, key1 >>> 0, (PARITY ^ key0 ^ key1) >>> 0];
  let x = (counter0 + key[0]) >>> 0;
  let y = (counter1 + key[1]) >>> 0;
  for (let round = 0; round < ROUNDS; round++) {
    x = (x + y) >>> 0;
    const by = ROTATIONS[round & 7];
    y = (((y << by) | (y >>> (32 - by))) ^ x) >>> 0;
    if ((round & 3) === 3) {
      const injection = (round >> 2) + 1;
      x = (x + key[injection % 3]) >>> 0;
      y = (y + key[(injection + 1) % 3] + injection) >>> 0;
    }
  }
  return [x, y];
}

/** The smallest 32-bit word that dropout keeps: ⌊rate · 2³²⌋. */
export function dropoutThreshold(rate: number): number {
  return Math.floor(rate * 2 ** 32);
}

/** A draw from the normal distribution (Box-Muller) for a key and a counter. */
export function normal(key0: number, key1: number, counter0: number, counter1: number): number {
  const [a, b] = threefry(key0, key1, counter0, counter1);
  return Math.sqrt(-2 * Math.log((a + 0.5) / 2 ** 32)) * Math.cos(2 * Math.PI * (b / 2 ** 32));
}

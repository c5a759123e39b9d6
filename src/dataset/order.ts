/**
 * The order in which samples are visited: a keyed permutation of the sample numbers, computed entry by entry.
 *
 * A cipher on a small domain takes the place of a shuffled index: an alternating, unbalanced Feistel network over the fewest bits
 * that hold the domain, and cycle walking (encrypt again until the result lies in the domain; under two rounds on average), after
 * Black and Rogaway, "Ciphers with Arbitrary Finite Domains", CT-RSA 2002. The round function is MurmurHash3's 32 bit finalizer
 * (Appleby) applied twice; round keys come from SplitMix64 (Steele, Lea, Flood 2014) over the seed and the epoch. No memory grows
 * with the domain, and any position is found without the ones before it, so a run starts at once and resumes by number alone.
 * It shuffles; it is no protection for secrets.
 */

const rounds = 8;

/** A bijection of the numbers from 0 to `size - 1`. */
export interface Permutation {
  readonly size: number;
  at(index: number): number;
}

/** Which sample comes at which place of an endless sequence of epochs. */
export interface SampleOrder {
  /** Samples in an epoch. */
  readonly samples: number;
  /** The number of the sample consumed `k`-th (from 0), through all epochs: epoch `floor(k / samples)`. */
  at(k: number): number;
}

/**
 * The permutation of 0 … size − 1 that `seed` and `epoch` pick.
 * @param size From 1 to 2^53 − 1.
 */
export function keyedPermutation(size: number, seed: number, epoch: number): Permutation {
  if (!Number.isSafeInteger(size) || size < 1) throw new RangeError(`a permutation of ${size} numbers`);
  let bits = 2;
  while (2 ** bits < size) bits++;
  const lowBits = bits >> 1;
  const highBits = bits - lowBits; // at most 27 of 53
  const lowSpan = 2 ** lowBits;
  const lowMask = lowSpan - 1;
  const highMask = 2 ** highBits - 1;
  const keys = roundKeys(seed, epoch);

  const encrypt = (x: number): number => {
    let low = x % lowSpan;
    let high = (x - low) / lowSpan;
    for (let r = 0; r < rounds; r += 2) {
      high ^= mix(mix(low ^ keys[2 * r]) ^ keys[2 * r + 1]) & highMask;
      low ^= mix(mix(high ^ keys[2 * r + 2]) ^ keys[2 * r + 3]) & lowMask;
    }
    return high * lowSpan + low;
  };
  return {
    size,
    at(index) {
      if (!Number.isInteger(index) || index < 0 || index >= size) {
        throw new RangeError(`position ${index} of a permutation of ${size} numbers`);
      }
      let x = encrypt(index);
      while (x >= size) x = encrypt(x);
      return x;
    },
  };
}

/** Each epoch visits every sample once, in an order of its own that `seed` fixes. */
export function shuffledOrder({ samples, seed }: { samples: number; seed: number }): SampleOrder {
  let epoch = 0;
  let permutation = keyedPermutation(samples, seed, epoch);
  return {
    samples,
    at(k) {
      const index = k % samples;
      const wanted = (k - index) / samples;
      if (wanted !== epoch) {
        epoch = wanted;
        permutation = keyedPermutation(samples, seed, epoch);
      }
      return permutation.at(index);
    },
  };
}

/** Each epoch visits every sample once, in the order of the files. */
export function sequentialOrder({ samples }: { samples: number }): SampleOrder {
  return { samples, at: (k) => k % samples };
}

/** Two 32 bit keys for every round. */
function roundKeys(seed: number, epoch: number): Uint32Array {
  const keys = new Uint32Array(2 * rounds);
  let state = splitMix(BigInt.asUintN(64, BigInt(seed))) ^ BigInt.asUintN(64, BigInt(epoch));
  for (let i = 0; i < keys.length; i++) {
    state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n);
    keys[i] = Number(splitMix(state) >> 32n);
  }
  return keys;
}

/** SplitMix64's output function. */
function splitMix(z: bigint): bigint {
  z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
  z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
  return z ^ (z >> 31n);
}

/** MurmurHash3's 32 bit finalizer. */
function mix(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/**
 * A split by document: each document's part follows from the hash of its text and the seed alone. So it stays where it is when the
 * corpus grows or its order changes, and equal documents are in the same part. Shares are met on average, not exactly.
 */
import { UserError } from "../errors.ts";
import { parseSplit, type SplitPart, splitParts } from "./split.ts";

export interface HashSplit {
  /** Weights of train, valid and test, none negative, not all 0. */
  readonly weights: readonly number[];
  /** Another seed is another assignment. Up to 2^53. */
  readonly seed: number;
}

/** The parts of weight above 0, in order. */
export function hashSplitParts({ weights }: HashSplit): SplitPart[] {
  return splitParts.filter((_, i) => weights[i] > 0);
}

/** @throws {UserError} where the weights are not such as 900,50,50. */
export function parseHashSplit(text: string, seed: number): HashSplit {
  try {
    return { weights: parseSplit(text), seed };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(error.message.replace(/^--split: /, ""), { where: "--split_by_hash" });
  }
}

/**
 * The part of a document, as its place in `hashSplitParts`.
 * @param hash The document's `documentHashBytes` bytes.
 */
export function partOfHash(split: HashSplit, hash: Uint8Array): number {
  const view = new DataView(hash.buffer, hash.byteOffset);
  const fraction = Number(mix(view.getBigUint64(0, true) ^ mix(BigInt(split.seed))) >> 11n) / 2 ** 53;
  const used = split.weights.filter((weight) => weight > 0);
  const sum = used.reduce((a, b) => a + b);
  let bound = 0;
  for (let i = 0; i < used.length - 1; i++) {
    bound += used[i];
    if (fraction < bound / sum) return i;
  }
  return used.length - 1;
}

/** The finaliser of SplitMix64: every bit of the result depends on every bit of the argument. */
function mix(value: bigint): bigint {
  let z = BigInt.asUintN(64, value + 0x9e3779b97f4a7c15n);
  z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
  z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
  return z ^ (z >> 31n);
}

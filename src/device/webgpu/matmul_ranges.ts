/**
 * Cuts a matmul into parts whose operands can be bound: ranges of rows of out (with the rows of a), of columns of out where they
 * are rows of b, and of k where k runs along the first axis of an operand. Ranges of k follow one another, each adding to what
 * the ones before it left.
 */
import { DeviceError } from "../../errors.ts";
import { ALIGNMENT } from "../../program/tensor.ts";
import type { AdapterTraits } from "./kernel.ts";
import type { MatmulShape } from "./matmul_variant.ts";
import type { Range } from "./partition.ts";

export interface MatmulPart {
  readonly m: Range;
  readonly n: Range;
  readonly k: Range;
  /** Whether this is the first, or the last, of the ranges of k. */
  readonly first: boolean;
  readonly last: boolean;
}

/** Most k of one dispatch: every kernel goes four k in a loop iteration, and lavapipe ends a shader after 65,535 of them. */
const MOST_K = 2 ** 17;

/**
 * The parts of a matmul, in the order in which they must run. Most have one.
 * @throws {DeviceError} where the fewest rows that can be bound, at most 64, are larger than a binding may be.
 */
export function matmulParts({ m, n, k, transA, transB }: MatmulShape, adapter: AdapterTraits): MatmulPart[] {
  const elements = Math.floor(adapter.maxBindingBytes / 4);
  const parts: MatmulPart[] = [];
  for (const rangeM of ranges(m, transA ? [n] : [n, k], elements, adapter.maxWorkgroupsPerDimension * 8)) {
    for (const rangeN of ranges(n, transB ? [k] : [], elements, adapter.maxWorkgroupsPerDimension * 16)) {
      for (const rangeK of ranges(k, [...(transA ? [m] : []), ...(transB ? [] : [n])], elements, MOST_K)) {
        const end = rangeK.first + rangeK.count;
        parts.push({ m: rangeM, n: rangeN, k: rangeK, first: rangeK.first === 0, last: end === k });
      }
    }
  }
  return parts;
}

/** Ranges of `count` rows such that as many rows of each length in `lengths` fit `elements`, and at most `most`. */
function ranges(count: number, lengths: readonly number[], elements: number, most: number): Range[] {
  let step = Math.min(count, most);
  for (const length of lengths) step = Math.min(step, Math.floor(elements / length));
  if (step < count) {
    // Every range must start at a bindable element of each operand, and at a multiple of 4 for loads of vec4f.
    const multiple = lengths.reduce((most, length) => Math.max(most, ALIGNMENT / commonPowerOf2(length)), 4);
    if (step < multiple) {
      throw new DeviceError(`${multiple} rows of ${Math.max(...lengths)} elements do not fit one binding`, {
        expected: `at most ${elements * 4} bytes on this adapter`,
      });
    }
    step -= step % multiple;
  }
  const found: Range[] = [];
  for (let first = 0; first < count; first += step) found.push({ first, count: Math.min(step, count - first) });
  return found;
}

/** The largest power of 2, up to ALIGNMENT, that divides `length`. */
function commonPowerOf2(length: number): number {
  return Math.min(ALIGNMENT, length & -length);
}

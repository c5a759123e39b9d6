/**
 * Which documents belong to training, validation and test.
 *
 * Parts are runs of neighbouring documents in file order. Their boundaries accumulate round-half-even(weight · n) and the excess
 * over n is taken off every boundary but the first, the rule of PaddleNLP's and Megatron-LM's `split` option, so that the same
 * option gives the same parts here. What n counts is documents (entries of `lens`). Two repairs: a boundary is never negative, and
 * a leading part of weight 0 stays empty.
 */

import { UserError } from "../errors.ts";

/** The parts, in the order of the weights. */
export const splitParts = ["train", "valid", "test"] as const;
export type SplitPart = typeof splitParts[number];

/**
 * Reads a split option: one to three weights, separated by commas or slashes; missing ones are 0.
 * @throws {UserError} where it is anything else, or all weights are 0.
 *
 * @example
 * ```ts
 * import { parseSplit } from "./split.ts";
 * console.log(parseSplit("9,1")); // [9, 1, 0]
 * ```
 */
export function parseSplit(text: string): number[] {
  const fail = (what: string) =>
    new UserError(what, { where: "--split", expected: "weights of train, valid and test, such as 900,50,50" });
  const fields = text.split(/[,/]/).map((field) => field.trim());
  if (fields.length > splitParts.length) throw fail(`${fields.length} weights in "${text}"`);
  const weights = fields.map((field) => {
    if (!/^(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(field)) throw fail(`"${field}" is not a weight`);
    return Number(field);
  });
  while (weights.length < splitParts.length) weights.push(0);
  const sum = weights.reduce((a, b) => a + b);
  if (!(sum > 0)) throw fail("all weights are 0");
  if (!Number.isFinite(sum)) throw fail("the weights are too large");
  return weights;
}

/**
 * Boundaries of the parts: part i holds the documents `boundaries[i]` to `boundaries[i + 1] - 1`.
 * @param weights One weight per part, none negative, not all 0.
 * @param documents Number of documents.
 * @returns `weights.length + 1` ascending numbers from 0 to `documents`.
 *
 * @example
 * ```ts
 * import { splitBoundaries } from "./split.ts";
 * console.log(splitBoundaries([900, 50, 50], 30)); // [0, 26, 28, 30]
 * ```
 */
export function splitBoundaries(weights: readonly number[], documents: number): number[] {
  const sum = weights.reduce((a, b) => a + b, 0);
  const boundaries = [0];
  for (const weight of weights) {
    boundaries.push(boundaries[boundaries.length - 1] + roundHalfEven(weight / sum * documents));
  }
  const excess = boundaries[boundaries.length - 1] - documents;
  const firstUsed = weights.findIndex((weight) => weight > 0);
  return boundaries.map((boundary, i) => i <= firstUsed ? 0 : Math.max(0, boundary - excess));
}

function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

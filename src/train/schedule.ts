/** The learning rate by optimizer step: linear warm-up, then cosine decay to a floor. */

export interface ScheduleOptions {
  /** Rate at the end of the warm-up. */
  maxLr: number;
  /** Rate after the decay. */
  minLr: number;
  /** Share of `decaySteps` in which the rate rises. */
  warmupRate: number;
  /** Step at which the rate reaches `minLr`. */
  decaySteps: number;
  /** `none` keeps `maxLr` after the warm-up. */
  style: "cosine" | "none";
}

/**
 * Learning rate of an optimizer step.
 * @param step 1 for the first
 *
 * @example
 * ```ts
 * import { learningRate } from "./schedule.ts";
 * const options = { maxLr: 1.5e-4, minLr: 1e-5, warmupRate: 0.01, decaySteps: 320_000, style: "cosine" } as const;
 * console.log(learningRate(1600, options)); // 0.000075
 * ```
 */
export function learningRate(step: number, { maxLr, minLr, warmupRate, decaySteps, style }: ScheduleOptions): number {
  const warmupSteps = warmupRate * decaySteps;
  if (warmupSteps > 0 && step <= warmupSteps) return maxLr * step / warmupSteps;
  if (style === "none") return maxLr;
  if (step > decaySteps) return minLr;
  const progress = (step - warmupSteps) / (decaySteps - warmupSteps);
  return minLr + 0.5 * (1 + Math.cos(Math.PI * progress)) * (maxLr - minLr);
}

/** Reference sampling: sorts, where a device searches. */
import { threefry } from "../../src/program/random.ts";
import type { ReferenceKernel } from "./device.ts";

/** The threshold of the k-th largest value; −∞ where k is 0 or no smaller than the count. */
function topKThreshold(values: readonly number[], k: number): number {
  if (k <= 0 || k >= values.length) return -Infinity;
  return [...values].sort((a, b) => b - a)[k - 1];
}

/** The largest value v such that the values ≥ v hold at least `topP` of the probability. */
function topPThreshold(values: readonly number[], topP: number): number {
  if (topP >= 1) return -Infinity;
  const sorted = [...values].sort((a, b) => b - a);
  const weights = sorted.map((value) => Math.exp(value - sorted[0]));
  const total = weights.reduce((a, b) => a + b, 0);
  let mass = 0;
  for (let i = 0; i < sorted.length; i++) {
    mass += weights[i];
    if (mass >= topP * total) return sorted[i];
  }
  return -Infinity;
}

export const sample: ReferenceKernel<"sample"> = (op, memory) => {
  const [batch, vocabulary] = op.logits.shape;
  const [greedy, temperature, topK, topP, penalty, minNew, maxNew, eos] = memory.f(op.settings);
  const [key0, key1] = memory.u(op.seed);
  const capacity = op.generated.shape[1];
  for (let b = 0; b < batch; b++) {
    if (memory.u(op.finished)[b]) continue;
    const raw = memory.f(op.logits).subarray(b * vocabulary, (b + 1) * vocabulary);
    const seen = memory.u(op.seen).subarray(b * vocabulary, (b + 1) * vocabulary);
    const count = memory.u(op.count)[b];
    const logits = Array.from(raw, (l, id) => {
      if (id === eos && count < minNew) return -Infinity;
      if (!seen[id]) return l;
      return Math.fround(l > 0 ? l / penalty : l * penalty);
    });
    let token = 0;
    if (greedy) {
      logits.forEach((l, id) => {
        if (l > logits[token]) token = id;
      });
    } else {
      const scaled = logits.map((l) => Math.fround(l / temperature));
      const threshold = topKThreshold(scaled, topK);
      const afterK = scaled.map((l) => l >= threshold ? l : -Infinity);
      const thresholdP = topPThreshold(afterK, topP);
      const largest = afterK.reduce((a, l) => Math.max(a, l), -Infinity);
      const weights = afterK.map((l) => l >= thresholdP ? Math.exp(l - largest) : 0);
      const total = weights.reduce((a, b) => a + b, 0);
      const target = threefry(key0, key1, count, memory.u(op.sequence)[b])[0] / 2 ** 32 * total;
      let mass = 0;
      for (let id = 0; id < vocabulary; id++) {
        if (weights[id] === 0) continue;
        token = id;
        mass += weights[id];
        if (mass > target) break;
      }
    }
    const largest = raw.reduce((a, l) => Math.max(a, l), -Infinity);
    const lse = largest + Math.log(raw.reduce((sum, l) => sum + Math.exp(l - largest), 0));
    memory.f(op.score)[b] += raw[token] - lse;
    memory.u(op.generated)[b * capacity + count] = token;
    memory.u(op.count)[b] = count + 1;
    seen[token] = 1;
    memory.u(op.tokens)[b] = token;
    const position = ++memory.u(op.positions)[b];
    if (token === eos) memory.u(op.finished)[b] = 1;
    else if (count + 1 >= maxNew || position >= op.maxPositions) memory.u(op.finished)[b] = 2;
  }
};

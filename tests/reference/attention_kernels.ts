/** Reference kernels of attention: whole probability rows, no tiling. */
import type { Dropout } from "../../src/program/op.ts";
import type { Memory, ReferenceKernel } from "./device.ts";
import { dropoutFactor } from "./row_kernels.ts";

interface Head {
  /** Element of qkv where row `i`'s q, k or v (part 0, 1, 2) of this head starts. */
  at(i: number, part: number): number;
  /** Element of a [N, C] tensor where row `i` of this head starts. */
  row(i: number): number;
  index: number;
}

function* headsOf(batch: number, heads: number, sequence: number, headSize: number): Generator<Head> {
  const width = heads * headSize;
  for (let index = 0; index < batch * heads; index++) {
    const [b, h] = [Math.floor(index / heads), index % heads];
    yield {
      index,
      at: (i, part) => ((b * sequence + i) * 3 + part) * width + h * headSize,
      row: (i) => (b * sequence + i) * width + h * headSize,
    };
  }
}

function dot(a: Float32Array, atA: number, b: Float32Array, atB: number, count: number): number {
  let total = 0;
  for (let d = 0; d < count; d++) total += a[atA + d] * b[atB + d];
  return total;
}

function factor(dropout: Dropout | undefined, memory: Memory, head: number, i: number, j: number, sequence: number) {
  if (!dropout) return 1;
  return dropoutFactor(dropout, memory, i * Math.ceil(sequence / 2) + (j >> 1), j & 1, head);
}

const attention: ReferenceKernel<"attention"> = (op, memory) => {
  const [batch, heads, sequence] = op.lse.shape;
  const headSize = op.out.shape[1] / heads;
  const [qkv, out, lse] = [memory.f(op.qkv), memory.f(op.out), memory.f(op.lse)];
  const scale = 1 / Math.sqrt(headSize);
  for (const head of headsOf(batch, heads, sequence, headSize)) {
    for (let i = 0; i < sequence; i++) {
      const scores: number[] = [];
      for (let j = 0; j <= i; j++) scores.push(dot(qkv, head.at(i, 0), qkv, head.at(j, 1), headSize) * scale);
      const largest = Math.max(...scores);
      const total = scores.reduce((sum, score) => sum + Math.exp(score - largest), 0);
      const rowLse = largest + Math.log(total);
      lse[head.index * sequence + i] = rowLse;
      for (let d = 0; d < headSize; d++) {
        let y = 0;
        for (let j = 0; j <= i; j++) {
          const p = Math.exp(scores[j] - rowLse) * factor(op.dropout, memory, head.index, i, j, sequence);
          y += p * qkv[head.at(j, 2) + d];
        }
        out[head.row(i) + d] = y;
      }
    }
  }
};

const attentionBackward: ReferenceKernel<"attentionBackward"> = (op, memory) => {
  const [batch, heads, sequence] = op.lse.shape;
  const headSize = op.out.shape[1] / heads;
  const [qkv, out, dout, lse] = [memory.f(op.qkv), memory.f(op.out), memory.f(op.dout), memory.f(op.lse)];
  const gradient = new Float64Array(qkv.length);
  const scale = 1 / Math.sqrt(headSize);
  for (const head of headsOf(batch, heads, sequence, headSize)) {
    for (let i = 0; i < sequence; i++) {
      const delta = dot(dout, head.row(i), out, head.row(i), headSize);
      for (let j = 0; j <= i; j++) {
        const score = dot(qkv, head.at(i, 0), qkv, head.at(j, 1), headSize) * scale;
        const p = Math.exp(score - lse[head.index * sequence + i]);
        const keep = factor(op.dropout, memory, head.index, i, j, sequence);
        const dp = dot(dout, head.row(i), qkv, head.at(j, 2), headSize) * keep;
        const dscore = p * (dp - delta) * scale;
        for (let d = 0; d < headSize; d++) {
          gradient[head.at(i, 0) + d] += dscore * qkv[head.at(j, 1) + d];
          gradient[head.at(j, 1) + d] += dscore * qkv[head.at(i, 0) + d];
          gradient[head.at(j, 2) + d] += p * keep * dout[head.row(i) + d];
        }
      }
    }
  }
  memory.f(op.dqkv).set(gradient);
};

const cacheAppend: ReferenceKernel<"cacheAppend"> = ({ qkv, start, keys, values }, memory) => {
  const [batch, heads, positions, headSize] = keys.shape;
  const sequence = qkv.shape[0] / batch;
  const [x, first, k, v] = [memory.f(qkv), memory.u(start), memory.f(keys), memory.f(values)];
  for (const head of headsOf(batch, heads, sequence, headSize)) {
    for (let s = 0; s < sequence; s++) {
      const position = first[Math.floor(head.index / heads)] + s;
      if (position >= positions) continue;
      const at = (head.index * positions + position) * headSize;
      for (let d = 0; d < headSize; d++) {
        k[at + d] = x[head.at(s, 1) + d];
        v[at + d] = x[head.at(s, 2) + d];
      }
    }
  }
};

const cachedAttention: ReferenceKernel<"cachedAttention"> = ({ qkv, start, keys, values, out }, memory) => {
  const [batch, heads, positions, headSize] = keys.shape;
  const sequence = qkv.shape[0] / batch;
  const [x, first, k, v, y] = [memory.f(qkv), memory.u(start), memory.f(keys), memory.f(values), memory.f(out)];
  const scale = 1 / Math.sqrt(headSize);
  for (const head of headsOf(batch, heads, sequence, headSize)) {
    const cache = (position: number) => (head.index * positions + position) * headSize;
    for (let s = 0; s < sequence; s++) {
      const last = Math.min(first[Math.floor(head.index / heads)] + s, positions - 1);
      const scores: number[] = [];
      for (let j = 0; j <= last; j++) scores.push(dot(x, head.at(s, 0), k, cache(j), headSize) * scale);
      const largest = Math.max(...scores);
      const total = scores.reduce((sum, score) => sum + Math.exp(score - largest), 0);
      for (let d = 0; d < headSize; d++) {
        let value = 0;
        for (let j = 0; j <= last; j++) value += Math.exp(scores[j] - largest) / total * v[cache(j) + d];
        y[head.row(s) + d] = value;
      }
    }
  }
};

export const attentionKernels = { attention, attentionBackward, cacheAppend, cachedAttention };

/** Reference kernels that work row by row or element by element, and the matrix product. */
import { dropoutThreshold, threefry } from "../../src/program/random.ts";
import { type Dropout, IGNORE } from "../../src/program/op.ts";
import { elementCount } from "../../src/program/tensor.ts";
import type { Memory, ReferenceKernel } from "./device.ts";

const GELU_SCALE = Math.sqrt(2 / Math.PI);

/** The tanh form of GELU. */
export function gelu(x: number): number {
  return 0.5 * x * (1 + Math.tanh(GELU_SCALE * (x + 0.044715 * x ** 3)));
}

/** Its derivative. */
export function geluDerivative(x: number): number {
  const t = Math.tanh(GELU_SCALE * (x + 0.044715 * x ** 3));
  return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * GELU_SCALE * (1 + 3 * 0.044715 * x * x);
}

/** The factor that dropout gives to an element: 0 or 1 / (1 − rate). */
export function dropoutFactor(
  { rate, stream, seed }: Dropout,
  memory: Memory,
  counter: number,
  word: number,
  row = 0,
): number {
  const [key0, key1] = memory.u(seed);
  const bits = threefry(key0, key1, counter, ((stream << 20) | row) >>> 0)[word];
  return bits >= dropoutThreshold(rate) ? 1 / (1 - rate) : 0;
}

const embedding: ReferenceKernel<"embedding"> = ({ tokens, start, wte, wpe, out }, memory) => {
  const [, sequence] = tokens.shape;
  const [vocabulary, width] = wte.shape;
  const [ids, y, e, p] = [memory.u(tokens), memory.f(out), memory.f(wte), memory.f(wpe)];
  for (let n = 0; n < ids.length; n++) {
    if (ids[n] >= vocabulary) throw new RangeError(`token ${ids[n]} is outside of the vocabulary`);
    const first = start ? memory.u(start)[Math.floor(n / sequence)] : 0;
    const position = Math.min(first + n % sequence, wpe.shape[0] - 1);
    for (let c = 0; c < width; c++) y[n * width + c] = e[ids[n] * width + c] + p[position * width + c];
  }
};

const layerNorm: ReferenceKernel<"layerNorm"> = (op, memory) => {
  const [count, width] = op.x.shape;
  const [x, w, b, out] = [memory.f(op.x), memory.f(op.weight), memory.f(op.bias), memory.f(op.out)];
  for (let n = 0; n < count; n++) {
    let [sum, squares] = [0, 0];
    for (let c = 0; c < width; c++) sum += x[n * width + c];
    const mean = sum / width;
    for (let c = 0; c < width; c++) squares += (x[n * width + c] - mean) ** 2;
    const rstd = 1 / Math.sqrt(squares / width + op.epsilon);
    for (let c = 0; c < width; c++) out[n * width + c] = (x[n * width + c] - mean) * rstd * w[c] + b[c];
    memory.f(op.mean)[n] = mean;
    memory.f(op.rstd)[n] = rstd;
  }
};

const matmul: ReferenceKernel<"matmul"> = (op, memory) => {
  const [rowCount, columns] = op.out.shape;
  const inner = op.transA ? op.a.shape[0] : op.a.shape[1];
  const [a, b, out] = [memory.f(op.a), memory.f(op.b), memory.f(op.out)];
  const [aRow, aInner] = op.transA ? [1, rowCount] : [inner, 1];
  const [bInner, bColumn] = op.transB ? [1, inner] : [columns, 1];
  for (let m = 0; m < rowCount; m++) {
    for (let n = 0; n < columns; n++) {
      let y = op.bias ? memory.f(op.bias)[n] : 0;
      for (let k = 0; k < inner; k++) y += a[m * aRow + k * aInner] * b[k * bInner + n * bColumn];
      const at = m * columns + n;
      if (op.pre) memory.f(op.pre)[at] = y;
      if (op.activation) y = gelu(y);
      if (op.residual) y += memory.f(op.residual)[at];
      out[at] = op.accumulate ? out[at] + y : y;
    }
  }
};

const geluForward: ReferenceKernel<"gelu"> = (op, memory) => {
  memory.f(op.out).set(memory.f(op.x).map(gelu));
};

const dropout: ReferenceKernel<"dropout"> = (op, memory) => {
  const [x, out] = [memory.f(op.x), memory.f(op.out)];
  for (let e = 0; e < x.length; e++) {
    const kept = x[e] * dropoutFactor(op.dropout, memory, e >>> 1, e & 1);
    out[e] = kept + (op.residual ? memory.f(op.residual)[e] : 0);
  }
};

const crossEntropy: ReferenceKernel<"crossEntropy"> = (op, memory) => {
  const [count, vocabulary] = op.logits.shape;
  const [logits, targets, losses] = [memory.f(op.logits), memory.u(op.targets), memory.f(op.losses)];
  for (let n = 0; n < count; n++) {
    const row = logits.subarray(n * vocabulary, (n + 1) * vocabulary);
    const largest = row.reduce((a, b) => Math.max(a, b), -Infinity);
    let sum = 0;
    for (const logit of row) sum += Math.exp(logit - largest);
    const lse = largest + Math.log(sum);
    const ignored = targets[n] === IGNORE;
    losses[n] = ignored ? 0 : lse - row[targets[n]];
    if (op.gradientScale === null) continue;
    for (let v = 0; v < vocabulary; v++) {
      const probability = Math.exp(row[v] - lse) - (v === targets[n] ? 1 : 0);
      row[v] = ignored ? 0 : probability * op.gradientScale;
    }
  }
};

const sum: ReferenceKernel<"sum"> = ({ x, out, scale, accumulate }, memory) => {
  let total = 0;
  for (const value of memory.f(x).subarray(0, elementCount(x.shape))) total += value;
  memory.f(out)[0] = (accumulate ? memory.f(out)[0] : 0) + total * scale;
};

export const rowKernels = { embedding, layerNorm, matmul, gelu: geluForward, dropout, crossEntropy, sum };

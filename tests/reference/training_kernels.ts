/** Reference kernels of the backward pass and the update. */
import type { ReferenceKernel } from "./device.ts";
import { geluDerivative } from "./row_kernels.ts";

const embeddingBackward: ReferenceKernel<"embeddingBackward"> = (op, memory) => {
  const [, sequence] = op.tokens.shape;
  const width = op.dwte.shape[1];
  const [tokens, order, starts] = [memory.u(op.tokens), memory.u(op.order), memory.u(op.starts)];
  const [dout, dwte, dwpe] = [memory.f(op.dout), memory.f(op.dwte), memory.f(op.dwpe)];
  for (let run = 0; starts[run] < tokens.length; run++) {
    const token = tokens[order[starts[run]]];
    for (let c = 0; c < width; c++) {
      let total = 0;
      for (let i = starts[run]; i < starts[run + 1]; i++) total += dout[order[i] * width + c];
      dwte[token * width + c] += total;
    }
  }
  for (let s = 0; s < sequence; s++) {
    for (let c = 0; c < width; c++) {
      let total = 0;
      for (let n = s; n < tokens.length; n += sequence) total += dout[n * width + c];
      dwpe[s * width + c] += total;
    }
  }
};

const layerNormBackward: ReferenceKernel<"layerNormBackward"> = (op, memory) => {
  const [count, width] = op.x.shape;
  const [x, w, dout, dx] = [memory.f(op.x), memory.f(op.weight), memory.f(op.dout), memory.f(op.dx)];
  const [mean, rstd] = [memory.f(op.mean), memory.f(op.rstd)];
  const dweight = new Float64Array(width);
  const dbias = new Float64Array(width);
  for (let n = 0; n < count; n++) {
    let [meanGradient, meanProduct] = [0, 0];
    for (let c = 0; c < width; c++) {
      const at = n * width + c;
      const normalised = (x[at] - mean[n]) * rstd[n];
      meanGradient += dout[at] * w[c] / width;
      meanProduct += dout[at] * w[c] * normalised / width;
      dweight[c] += dout[at] * normalised;
      dbias[c] += dout[at];
    }
    for (let c = 0; c < width; c++) {
      const at = n * width + c;
      const normalised = (x[at] - mean[n]) * rstd[n];
      const gradient = rstd[n] * (dout[at] * w[c] - meanGradient - normalised * meanProduct);
      dx[at] = op.accumulate ? dx[at] + gradient : gradient;
    }
  }
  for (let c = 0; c < width; c++) {
    memory.f(op.dweight)[c] += dweight[c];
    memory.f(op.dbias)[c] += dbias[c];
  }
};

const columnSum: ReferenceKernel<"columnSum"> = (op, memory) => {
  const [count, width] = op.x.shape;
  for (let c = 0; c < width; c++) {
    let total = 0;
    for (let n = 0; n < count; n++) total += memory.f(op.x)[n * width + c];
    memory.f(op.out)[c] += total;
  }
};

const geluBackward: ReferenceKernel<"geluBackward"> = (op, memory) => {
  const [x, gradient] = [memory.f(op.x), memory.f(op.gradient)];
  for (let i = 0; i < x.length; i++) gradient[i] *= geluDerivative(x[i]);
};

const globalNorm: ReferenceKernel<"globalNorm"> = (op, memory) => {
  let squares = 0;
  for (const gradient of memory.f(op.gradients)) squares += gradient * gradient;
  const norm = Math.sqrt(squares);
  const coefficient = op.maxNorm > 0 ? Math.min(1, op.maxNorm / (norm + 1e-6)) : 1;
  memory.f(op.out).set([norm, coefficient]);
};

const adamW: ReferenceKernel<"adamW"> = (op, memory) => {
  const [p, g] = [memory.f(op.parameters), memory.f(op.gradients)];
  const [m, v] = [memory.f(op.moment1), memory.f(op.moment2)];
  const clip = memory.f(op.norm)[1];
  const [stepSize, rootCorrection, decay] = memory.f(op.hyper);
  for (let i = 0; i < p.length; i++) {
    const gradient = g[i] * clip;
    m[i] = op.beta1 * m[i] + (1 - op.beta1) * gradient;
    v[i] = op.beta2 * v[i] + (1 - op.beta2) * gradient * gradient;
    const decayed = op.decay ? p[i] - decay * p[i] : p[i];
    p[i] = decayed - stepSize * m[i] / (Math.sqrt(v[i]) * rootCorrection + op.epsilon);
    g[i] = 0;
  }
};

export const trainingKernels = { embeddingBackward, layerNormBackward, columnSum, geluBackward, globalNorm, adamW };

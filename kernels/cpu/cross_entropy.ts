/**
 * losses (N) = log Σ eˡ − l[target] over the rows of logits (N, V); a row whose target is IGNORE has loss 0. With a
 * gradient, logits become (softmax − onehot) · scale, 0 in ignored rows. One item for every `rowsPerItem` rows.
 *
 * A row goes by chunks that stay in L1: the chunk's largest logit m, then Σ e^(l − m), which overwrites the logits
 * where the gradient is wanted. The chunks' m and sums give the row's (the online softmax of Milakov & Gimelshein 2018,
 * by chunks), and one more pass scales each chunk by its own factor: one exponential for every logit, and memory is
 * read once and written once as long as a row fits in L2.
 */
import { exp4, log1 } from "./math";
import { sumLanes } from "./layer_norm";
import { workerScratch } from "./worker_scratch";

const IGNORE: u32 = 0xffffffff;
const CHUNK_BYTES: usize = 8192;

/** The largest of some numbers; NaNs do not count. */
function largest(x: usize, bytes: usize): f32 {
  let a = f32x4.splat(-Infinity);
  let b = a;
  let i: usize = 0;
  for (; i + 32 <= bytes; i += 32) {
    a = f32x4.pmax(a, v128.load(x + i));
    b = f32x4.pmax(b, v128.load(x + i, 16));
  }
  a = f32x4.pmax(a, b);
  for (; i < bytes; i += 4) a = f32x4.pmax(a, v128.load32_splat(x + i));
  a = f32x4.pmax(a, v128.shuffle<i32>(a, a, 2, 3, 0, 1));
  a = f32x4.pmax(a, v128.shuffle<i32>(a, a, 1, 0, 3, 2));
  return f32x4.extract_lane(a, 0);
}

/** Σ e^(x − shift). */
function sumExponentials(x: usize, bytes: usize, shift: f32): f32 {
  const m = f32x4.splat(shift);
  let a = f32x4.splat(0);
  let b = a;
  let i: usize = 0;
  for (; i + 32 <= bytes; i += 32) {
    a = f32x4.add(a, exp4(f32x4.sub(v128.load(x + i), m)));
    b = f32x4.add(b, exp4(f32x4.sub(v128.load(x + i, 16), m)));
  }
  let rest: f32 = 0;
  for (; i < bytes; i += 4) rest += f32x4.extract_lane(exp4(f32x4.sub(v128.load32_zero(x + i), m)), 0);
  return sumLanes(f32x4.add(a, b)) + rest;
}

/** The same; x becomes the exponentials. */
function replaceByExponentials(x: usize, bytes: usize, shift: f32): f32 {
  const m = f32x4.splat(shift);
  let a = f32x4.splat(0);
  let b = a;
  let i: usize = 0;
  for (; i + 32 <= bytes; i += 32) {
    const y = exp4(f32x4.sub(v128.load(x + i), m));
    const z = exp4(f32x4.sub(v128.load(x + i, 16), m));
    v128.store(x + i, y);
    v128.store(x + i, z, 16);
    a = f32x4.add(a, y);
    b = f32x4.add(b, z);
  }
  let rest: f32 = 0;
  for (; i < bytes; i += 4) {
    const y = exp4(f32x4.sub(v128.load32_zero(x + i), m));
    v128.store32_lane(x + i, y, 0);
    rest += f32x4.extract_lane(y, 0);
  }
  return sumLanes(f32x4.add(a, b)) + rest;
}

function multiply(x: usize, bytes: usize, factor: f32): void {
  const f = f32x4.splat(factor);
  let i: usize = 0;
  for (; i + 32 <= bytes; i += 32) {
    const y = f32x4.mul(v128.load(x + i), f);
    const z = f32x4.mul(v128.load(x + i, 16), f);
    v128.store(x + i, y);
    v128.store(x + i, z, 16);
  }
  for (; i < bytes; i += 4) store<f32>(x + i, load<f32>(x + i) * factor);
}

// @ts-ignore: decorator
@inline
function exp1(x: f32): f32 {
  return f32x4.extract_lane(exp4(f32x4.splat(x)), 0);
}

/** @returns the loss of one row */
function lossOfRow(row: usize, bytes: usize, target: usize, withGradient: bool, scale: f32): f32 {
  const chunks = workerScratch(); // each chunk's shift and sum
  const logit = target < bytes ? load<f32>(row + target) : NaN;
  let top: f32 = -Infinity;
  let entry = chunks;
  for (let start: usize = 0; start < bytes; start += CHUNK_BYTES, entry += 8) {
    const size = min(CHUNK_BYTES, bytes - start);
    const found = largest(row + start, size);
    // Where all are −∞, so is the difference to 0.
    const shift: f32 = found == -Infinity ? 0 : found;
    const sum = withGradient
      ? replaceByExponentials(row + start, size, shift)
      : sumExponentials(row + start, size, shift);
    store<f32>(entry, found);
    store<f32>(entry, sum, 4);
    top = max(top, found);
  }
  let sum: f32 = 0;
  for (let at = chunks; at < entry; at += 8) {
    const factor = exp1(load<f32>(at) - top);
    store<f32>(at, factor);
    sum += load<f32>(at, 4) * factor;
  }
  if (withGradient) {
    let at = chunks;
    for (let start: usize = 0; start < bytes; start += CHUNK_BYTES, at += 8) {
      multiply(row + start, min(CHUNK_BYTES, bytes - start), load<f32>(at) * (scale / sum));
    }
    if (target < bytes) store<f32>(row + target, load<f32>(row + target) - scale);
  }
  return (top - logit) + log1(sum);
}

/** args: logits, targets, losses, rows, columns, rowsPerItem, with gradient (1 or 0), scale. */
export function crossEntropy(args: usize, item: u32): void {
  const bytes = <usize>load<u32>(args, 16) << 2;
  const rowsPerItem = load<u32>(args, 20);
  const withGradient = load<u32>(args, 24) != 0;
  const scale = load<f32>(args, 28);
  const first = item * rowsPerItem;
  const end = min(first + rowsPerItem, load<u32>(args, 12));
  for (let n = first; n < end; n++) {
    const row = load<usize>(args) + n * bytes;
    const target = load<u32>(load<usize>(args, 4) + (<usize>n << 2));
    const loss = load<usize>(args, 8) + (<usize>n << 2);
    if (target == IGNORE) {
      store<f32>(loss, 0);
      if (withGradient) memory.fill(row, 0, bytes);
    } else {
      store<f32>(loss, lossOfRow(row, bytes, min(<usize>target, bytes >>> 2) << 2, withGradient, scale));
    }
  }
}

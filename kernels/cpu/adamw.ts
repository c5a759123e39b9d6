/**
 * AdamW over a range of the parameter arena in one pass (Loshchilov & Hutter 2019; the formula stands in src/program/op.ts), then
 * gradients = 0. An item is a block of BLOCK elements of all four arrays; elements do not depend on each other.
 *
 * The pass moves 32 bytes an element and is bound by memory. It goes a cache line at a time through four streams read and written,
 * which the prefetchers follow.
 */
import { fma } from "./simd";

/** Elements of an item: 1 MB of traffic, some 30 µs. */
const BLOCK: u32 = 32768;

/** args: parameters, gradients, moment1, moment2, norm (2), hyper (3), n, β₁, 1 − β₁, β₂, 1 − β₂, ε, decay. */
export function adamW(args: usize, item: u32): void {
  const first = item * BLOCK;
  const count = min(BLOCK, load<u32>(args, 24) - first);
  const offset = <usize>first << 2;
  const p = load<usize>(args) + offset;
  const g = load<usize>(args, 4) + offset;
  const m = load<usize>(args, 8) + offset;
  const v = load<usize>(args, 12) + offset;
  const hyper = load<usize>(args, 20);
  const clip = v128.load32_splat(load<usize>(args, 16), 4);
  const step = f32x4.neg(v128.load32_splat(hyper));
  const rootCorrection = v128.load32_splat(hyper, 4);
  const keep = load<u32>(args, 48) ? f32x4.splat(1 - load<f32>(hyper, 8)) : f32x4.splat(1);
  const beta1 = v128.load32_splat(args, 28);
  const rest1 = v128.load32_splat(args, 32);
  const beta2 = v128.load32_splat(args, 36);
  const rest2 = v128.load32_splat(args, 40);
  const epsilon = v128.load32_splat(args, 44);
  const bytes = <usize>count << 2;
  const vectorBytes = <usize>(count & ~3) << 2;
  const zero = f32x4.splat(0);
  let i: usize = 0;
  for (; i < vectorBytes; i += 16) {
    const gradient = f32x4.mul(v128.load(g + i), clip);
    const mean = fma(beta1, v128.load(m + i), f32x4.mul(rest1, gradient));
    const square = fma(beta2, v128.load(v + i), f32x4.mul(rest2, f32x4.mul(gradient, gradient)));
    const ratio = f32x4.div(mean, fma(f32x4.sqrt(square), rootCorrection, epsilon));
    v128.store(g + i, zero);
    v128.store(m + i, mean);
    v128.store(v + i, square);
    v128.store(p + i, fma(step, ratio, f32x4.mul(v128.load(p + i), keep)));
  }
  for (; i < bytes; i += 4) {
    const gradient = f32x4.mul(v128.load32_zero(g + i), clip);
    const mean = fma(beta1, v128.load32_zero(m + i), f32x4.mul(rest1, gradient));
    const square = fma(beta2, v128.load32_zero(v + i), f32x4.mul(rest2, f32x4.mul(gradient, gradient)));
    const ratio = f32x4.div(mean, fma(f32x4.sqrt(square), rootCorrection, epsilon));
    store<f32>(g + i, 0);
    v128.store32_lane(m + i, mean, 0);
    v128.store32_lane(v + i, square, 0);
    v128.store32_lane(p + i, fma(step, ratio, f32x4.mul(v128.load32_zero(p + i), keep)), 0);
  }
}

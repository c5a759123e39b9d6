/**
 * GELU, tanh form, and its derivative: ½(1 + tanh u) = 1 / (1 + e⁻²ᵘ), u = √(2/π)(x + 0.044715x³).
 *
 * e⁻²ᵘ is taken as 2ʷ, w = x(A + Bx²). Far left of 0 the result is about x / 2ʷ, so an error of w counts |w| times in
 * it: fused multiply-adds recover what rounding took from w, and the result keeps its units. Without them up to 130 are
 * lost there.
 */
import { fma, fnma } from "./simd";

const TABLE = memory.data<f32>([
  -10.08, // from here down 2ʷ overflows, so that gelu is −0
  10, // from here up 2ʷ is 0, so that gelu is x
  // A = −2√(2/π) / ln 2, to 20 bits behind the point: what B · x² + this loses is then known exactly.
  -2.3022079467773438,
  -2.513669699055754e-07, // the rest of A
  -0.10294324159622192, // B = 0.044715 A
  2.016198541454628e-9, // the rest of B
  12583038, // 1.5 · 2²³ + 126, see math.ts
  // 2 · 2ᶠ as a polynomial of −f, |f| ≤ ½, minimax with the first coefficient kept exact; its own error is 0.03 units.
  0.0003065295168198645,
  -0.0026781619526445866,
  0.019237011671066284,
  -0.1110071986913681,
  0.4804529547691345,
  -1.3862943649291992,
  2,
  1,
  1.5957691216057308, // 2√(2/π)
  0.21406444881780073, // 3 · 0.044715 · 2√(2/π)
  -10,
]);

// @ts-ignore: decorator
@inline
function constant(index: usize): v128 {
  return v128.load32_splat(TABLE + (index << 2));
}

/** e⁻²ᵘ for x of at least −10.08; ∞ there. */
// @ts-ignore: decorator
@inline
function exponential(x: v128): v128 {
  const y = f32x4.pmin(x, constant(1));
  const square = f32x4.mul(y, y);
  const q = fma(constant(4), square, constant(2));
  const shifted = fma(y, q, constant(6));
  const n = f32x4.sub(shifted, constant(6));
  let minusF = fnma(y, q, n);
  if (ASC_FEATURE_RELAXED_SIMD) {
    let lost = fma(constant(4), square, f32x4.sub(constant(2), q));
    lost = fnma(constant(4), fnma(y, y, square), lost);
    lost = f32x4.add(lost, fma(constant(5), square, constant(3)));
    minusF = fnma(y, lost, minusF);
  }
  let p = fma(constant(7), minusF, constant(8));
  p = fma(p, minusF, constant(9));
  p = fma(p, minusF, constant(10));
  p = fma(p, minusF, constant(11));
  p = fma(p, minusF, constant(12));
  p = fma(p, minusF, constant(13));
  return f32x4.mul(p, i32x4.shl(shifted, 23));
}

/** gelu(x), within 2 units; left of −1 without fused multiply-adds up to 130. */
// @ts-ignore: decorator
@inline
export function gelu4(x: v128): v128 {
  const y = f32x4.pmax(x, constant(0));
  return f32x4.div(y, f32x4.add(exponential(y), constant(14)));
}

/**
 * gelu′(x) = S + x · 2u′ · S(1 − S), S = 1 / (1 + e⁻²ᵘ), 1 − S = e⁻²ᵘ S; within 3e-7 (4e-7 without fused
 * multiply-adds). Left of −10 it keeps its value there, −2.7e-36, in place of 0.
 */
// @ts-ignore: decorator
@inline
export function geluGradient4(x: v128): v128 {
  const y = f32x4.pmin(f32x4.pmax(x, constant(17)), constant(1));
  const e = exponential(y);
  const s = f32x4.div(constant(14), f32x4.add(e, constant(14)));
  const slope = f32x4.mul(y, fma(constant(16), f32x4.mul(y, y), constant(15)));
  return fma(f32x4.mul(slope, s), f32x4.mul(e, s), s);
}

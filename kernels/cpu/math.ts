/**
 * Vectorised functions of the kernels. Errors are measured over all of their range by tests/device/cpu_math_test.ts, in
 * units in the last place of the result.
 *
 * Constants lie in memory and are spread by loads: engines make four or five instructions of a v128.const, and one of a
 * load.
 */
import { fma, fnma } from "./simd";

const EXP_TABLE = memory.data<f32>([
  -87.5, // from here down n = -126, whose power of two is 0
  89, // from here up everything overflows
  1.4426950408889634, // 1 / ln 2
  12583038, // 1.5 · 2²³ + 126: added to a number it leaves the nearest integer, plus 126, in the low bits
  0.693145751953125, // ln 2 to 16 bits: n · this is exact
  1.428606765330187e-6, // the rest of ln 2
  // 2eʳ for |r| ≤ ½ ln 2, minimax with the first two coefficients kept exact; its own error is 0.03 units.
  0.002764293923974037,
  0.016737325116991997,
  0.08333650976419449,
  0.3333304226398468,
  0.9999998807907104,
  2,
]);

// @ts-ignore: decorator
@inline
function constant(index: usize): v128 {
  return v128.load32_splat(EXP_TABLE + (index << 2));
}

/**
 * eˣ by Cody and Waite's reduction, x = n ln 2 + r: within 1.2 units (0.9 with fused multiply-adds); 0 where it is less
 * than 1.7e-38 (subnormal results too), ∞ where it overflows; a NaN stays one.
 */
// @ts-ignore: decorator
@inline
export function exp4(x: v128): v128 {
  const clamped = f32x4.pmin(f32x4.pmax(x, constant(0)), constant(1));
  const shifted = fma(clamped, constant(2), constant(3));
  const n = f32x4.sub(shifted, constant(3));
  const r = fnma(n, constant(5), fnma(n, constant(4), clamped));
  let p = fma(constant(6), r, constant(7));
  p = fma(p, r, constant(8));
  p = fma(p, r, constant(9));
  p = fma(p, r, constant(10));
  p = fma(p, r, constant(11));
  p = fma(p, r, constant(11));
  // 2ⁿ⁻¹, so that a result of almost 2¹²⁸ is reached without 2¹²⁸.
  return f32x4.mul(p, i32x4.shl(shifted, 23));
}

/**
 * The natural logarithm, within 0.51 units: −∞ at 0, NaN below. In f64 by the series of artanh; meant for one value
 * a row.
 */
export function log1(x: f32): f32 {
  if (!(x > 0)) return x == 0 ? -Infinity : NaN;
  if (x == Infinity) return x;
  const bits = reinterpret<u64>(<f64>x);
  let exponent = <i32>(bits >> 52) - 1023;
  let m = reinterpret<f64>((bits & 0xfffffffffffff) | 0x3ff0000000000000);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    exponent++;
  }
  const s = (m - 1) / (m + 1);
  const z = s * s;
  let p: f64 = 1.0 / 13;
  p = p * z + 1.0 / 11;
  p = p * z + 1.0 / 9;
  p = p * z + 1.0 / 7;
  p = p * z + 1.0 / 5;
  p = p * z + 1.0 / 3;
  return <f32>(<f64>exponent * 0.6931471805599453 + 2 * s * (p * z + 1));
}

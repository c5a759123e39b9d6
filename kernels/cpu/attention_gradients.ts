/** The elementwise part of attention's backward pass, on strips of 8 queries, a row for every key. */
import { exp4 } from "./math";

/**
 * p = exp(p − lse), ds = p · (ds − delta), in place.
 * @param p scores (count, 8)
 * @param ds gradients of the probabilities (count, 8)
 * @param lse, delta 8 floats each
 */
export function gradients(p: usize, ds: usize, count: u32, lse: usize, delta: usize): void {
  const lse0 = v128.load(lse), lse1 = v128.load(lse, 16);
  const delta0 = v128.load(delta), delta1 = v128.load(delta, 16);
  const end = p + (<usize>count << 5);
  for (; p != end; p += 32, ds += 32) {
    const p0 = exp4(f32x4.sub(v128.load(p), lse0));
    const p1 = exp4(f32x4.sub(v128.load(p, 16), lse1));
    const ds0 = f32x4.mul(p0, f32x4.sub(v128.load(ds), delta0));
    const ds1 = f32x4.mul(p1, f32x4.sub(v128.load(ds, 16), delta1));
    v128.store(p, p0);
    v128.store(p, p1, 16);
    v128.store(ds, ds0);
    v128.store(ds, ds1, 16);
  }
}

/** The same with dropout: p is left without the factor 1 / (1 − rate), `keepScale`, and ds is scaled by it. */
export function gradientsDropped(
  p: usize,
  ds: usize,
  count: u32,
  lse: usize,
  delta: usize,
  masks: usize,
  keepScale: f32,
): void {
  const lse0 = v128.load(lse), lse1 = v128.load(lse, 16);
  const delta0 = v128.load(delta), delta1 = v128.load(delta, 16);
  const keep = f32x4.splat(keepScale);
  const end = p + (<usize>count << 5);
  for (; p != end; p += 32, ds += 32, masks += 32) {
    const mask0 = v128.load(masks), mask1 = v128.load(masks, 16);
    const p0 = exp4(f32x4.sub(v128.load(p), lse0));
    const p1 = exp4(f32x4.sub(v128.load(p, 16), lse1));
    const dp0 = v128.and(f32x4.mul(v128.load(ds), keep), mask0);
    const dp1 = v128.and(f32x4.mul(v128.load(ds, 16), keep), mask1);
    const ds0 = f32x4.mul(p0, f32x4.sub(dp0, delta0));
    const ds1 = f32x4.mul(p1, f32x4.sub(dp1, delta1));
    v128.store(p, v128.and(p0, mask0));
    v128.store(p, v128.and(p1, mask1), 16);
    v128.store(ds, ds0);
    v128.store(ds, ds1, 16);
  }
}

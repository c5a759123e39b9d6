// gradient *= gelu′(x), in place, for the tanh form: with s = sigmoid(2u), gelu′ = s + 2x · s(1 − s) · u′.
//
// in:  x        f32 (COUNT, as vectors)
// out: gradient f32 (COUNT), updated
// grid: one invocation a vector (VECTOR = vec4f, or f32 where the size is not a multiple of 4), 256 a workgroup.
// exp takes −2|u| only, and x is cut to ±30 in the second term (zero there), so nothing overflows; NaN stays NaN.

@group(0) @binding(0) var<storage, read_write> x: array<{{VECTOR}}>;
@group(0) @binding(1) var<storage, read_write> gradient: array<{{VECTOR}}>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= {{COUNT}}u) {
    return;
  }
  let a = x[{{X_SKIP}}u + i];
  let u = 0.7978845608028654f * fma({{VECTOR}}(0.044715f) * a * a, a, a);
  let e = exp(-2f * abs(u));
  let d = 1f + e;
  let s = select(e, {{VECTOR}}(1f), u >= {{VECTOR}}(0f)) / d;
  let b = clamp(a, {{VECTOR}}(-30f), {{VECTOR}}(30f));
  let slope = 0.7978845608028654f * fma({{VECTOR}}(0.134145f) * b, b, {{VECTOR}}(1f));
  gradient[{{GRADIENT_SKIP}}u + i] *= s + 2f * b * (e / (d * d)) * slope;
}

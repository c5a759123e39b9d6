// GELU, tanh form (Hendrycks & Gimpel 2016): ½x(1 + tanh(u)) = x · sigmoid(2u), u = √(2/π)(x + 0.044715x³).
//
// in:  x   f32 (COUNT, as vectors)
// out: out f32 (COUNT)
// grid: one invocation a vector (VECTOR = vec4f, or f32 where the size is not a multiple of 4), 256 a workgroup.
// exp takes −2|u| only, so nothing overflows; NaN stays NaN.

@group(0) @binding(0) var<storage, read_write> x: array<{{VECTOR}}>;
@group(0) @binding(1) var<storage, read_write> out: array<{{VECTOR}}>;

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
  out[{{OUT_SKIP}}u + i] = a * select(e, {{VECTOR}}(1f), u >= {{VECTOR}}(0f)) / (1f + e);
}

// AdamW (Loshchilov & Hutter 2019) over a range of the parameter arena; the gradient is zeroed for the next step.
//
// in:  norm f32 (2): norm[1] scales the gradient; hyper f32 (3): [lr / (1 − β₁ᵗ), 1 / √(1 − β₂ᵗ), lr · weightDecay]
// out: parameters, gradients, moment1, moment2 f32 (COUNT, as vectors), updated
// grid: one invocation a vector (VECTOR = vec4f, or f32 where the size is not a multiple of 4), 256 a workgroup.

@group(0) @binding(0) var<storage, read_write> parameters: array<{{VECTOR}}>;
@group(0) @binding(1) var<storage, read_write> gradients: array<{{VECTOR}}>;
@group(0) @binding(2) var<storage, read_write> moment1: array<{{VECTOR}}>;
@group(0) @binding(3) var<storage, read_write> moment2: array<{{VECTOR}}>;
@group(0) @binding(4) var<storage, read_write> norm: array<f32>;
@group(0) @binding(5) var<storage, read_write> hyper: array<f32>;

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
  let g = gradients[{{GRADIENTS_SKIP}}u + i] * norm[1];
  let m = {{BETA1}} * moment1[{{MOMENT1_SKIP}}u + i] + {{REST1}} * g;
  let v = {{BETA2}} * moment2[{{MOMENT2_SKIP}}u + i] + {{REST2}} * g * g;
  var p = parameters[{{PARAMETERS_SKIP}}u + i];
//% if DECAY
  p -= hyper[2] * p;
//% end
  p -= hyper[0] * m / fma(sqrt(v), {{VECTOR}}(hyper[1]), {{VECTOR}}({{EPSILON}}));
  parameters[{{PARAMETERS_SKIP}}u + i] = p;
  moment1[{{MOMENT1_SKIP}}u + i] = m;
  moment2[{{MOMENT2_SKIP}}u + i] = v;
  gradients[{{GRADIENTS_SKIP}}u + i] = {{VECTOR}}(0f);
}

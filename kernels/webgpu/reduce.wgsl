// Sum of f32, or of their squares: the first stage makes partial sums, the last adds them up.
//
// in:  x f32 (COUNT, as vectors)
// out: partials f32: entry PARTIALS_SKIP + w from workgroup w
// grid: a workgroup sums CHUNK vectors (VECTOR = vec4f, or f32 where the size is not a multiple of 4) with 256 invocations.
// FINAL: the only workgroup finishes instead: FINISH, WGSL that writes to `out` from `total`.
// Order: each invocation walks in steps of 256, then a tree over invocations; the same for the same sizes.

@group(0) @binding(0) var<storage, read_write> x: array<{{VECTOR}}>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

var<workgroup> sums: array<f32, {{LANES}}>;

@compute @workgroup_size({{LANES}})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let number = group.y * groups.x + group.x;
  let end = min((number + 1u) * {{CHUNK}}u, {{COUNT}}u);
  var sum = {{VECTOR}}(0f);
  for (var i = number * {{CHUNK}}u + lane; i < end; i += {{LANES}}u) {
    let a = x[{{X_SKIP}}u + i];
//% if SQUARES
    sum = fma(a, a, sum);
//% else
    sum += a;
//% end
  }
//% if VECTORS
  sums[lane] = (sum.x + sum.y) + (sum.z + sum.w);
//% else
  sums[lane] = sum;
//% end
  for (var step = {{LANES}}u >> 1u; step > 0u; step >>= 1u) {
    workgroupBarrier();
    if (lane < step) {
      sums[lane] += sums[lane + step];
    }
  }
  if (lane == 0u && number < {{GROUPS}}u) {
    let total = sums[0];
//% if FINAL
    {{FINISH}}
//% else
    out[{{PARTIALS_SKIP}}u + number] = total;
//% end
  }
}

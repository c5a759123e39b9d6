// out = (x − mean) · rstd · weight + bias by row; mean first, then the mean of the squared differences (two passes over a
// row that the cache holds, for accuracy).
//
// in:  x f32 (ROWS, C), weight, bias f32 (C)
// out: out f32 (ROWS, C), mean, rstd f32 (ROWS)
// grid: LANES invocations a row, ROWS_PER_GROUP rows a workgroup. WIDTH = C in vectors (VECTOR = vec4f, or f32 where C is not
// a multiple of 4). Deterministic: fixed strides, then a tree over lanes, or (FLAT, with fewer barriers) all lanes in order.

@group(0) @binding(0) var<storage, read_write> x: array<{{VECTOR}}>;
@group(0) @binding(1) var<storage, read_write> weight: array<{{VECTOR}}>;
@group(0) @binding(2) var<storage, read_write> bias: array<{{VECTOR}}>;
@group(0) @binding(3) var<storage, read_write> out: array<{{VECTOR}}>;
@group(0) @binding(4) var<storage, read_write> mean: array<f32>;
@group(0) @binding(5) var<storage, read_write> rstd: array<f32>;

var<workgroup> sums: array<f32, {{LANES * ROWS_PER_GROUP}}>;

// Sum over the lanes of a row; every lane gets it.
fn rowSum(value: {{VECTOR}}, local: u32, lane: u32) -> f32 {
//% if VECTORS
  sums[local] = (value.x + value.y) + (value.z + value.w);
//% else
  sums[local] = value;
//% end
//% if FLAT
  workgroupBarrier();
  var total = sums[local - lane];
//% for i in 1..LANES
  total += sums[local - lane + {{i}}u];
//% end
//% else
  for (var step = {{LANES}}u >> 1u; step > 0u; step >>= 1u) {
    workgroupBarrier();
    if (lane < step) {
      sums[local] += sums[local + step];
    }
  }
  workgroupBarrier();
  let total = sums[local - lane];
//% end
  workgroupBarrier();
  return total;
}

@compute @workgroup_size({{LANES}}, {{ROWS_PER_GROUP}})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) id: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let row = (group.y * groups.x + group.x) * {{ROWS_PER_GROUP}}u + id.y;
  let lane = id.x;
  // Lanes beyond the last row take part in the barriers, with nothing to add.
  let end = select(0u, {{WIDTH}}u, row < {{ROWS}}u);
  let first = {{X_SKIP}}u + row * {{WIDTH}}u;
  var total = {{VECTOR}}(0f);
  for (var c = lane; c < end; c += {{LANES}}u) {
    total += x[first + c];
  }
  let center = rowSum(total, local, lane) * {{INVERSE_WIDTH}};
  var squares = {{VECTOR}}(0f);
  for (var c = lane; c < end; c += {{LANES}}u) {
    let d = x[first + c] - center;
    squares = fma(d, d, squares);
  }
  let scale = 1f / sqrt(fma(rowSum(squares, local, lane), {{INVERSE_WIDTH}}, {{EPSILON}}));
  for (var c = lane; c < end; c += {{LANES}}u) {
    out[{{OUT_SKIP}}u + row * {{WIDTH}}u + c] = fma((x[first + c] - center) * scale, weight[c], bias[c]);
  }
  if (lane == 0u && row < {{ROWS}}u) {
    mean[{{MEAN_SKIP}}u + row] = center;
    rstd[{{RSTD_SKIP}}u + row] = scale;
  }
}

// dx of a layer norm: with g = dout · weight and x̂ = (x − mean) · rstd, dx = rstd · (g − mean(g) − x̂ · mean(g · x̂)).
//
// in:  x, dout f32 (ROWS, C), weight f32 (C), mean, rstd f32 (ROWS)
// out: dx f32 (ROWS, C), written or, with ACCUMULATE, added to
// grid: LANES invocations a row, ROWS_PER_GROUP rows a workgroup. WIDTH = C in vectors (VECTOR = vec4f, or f32 where C is not
// a multiple of 4). Deterministic: fixed strides, then a tree over lanes, or (FLAT, with fewer barriers) all lanes in order.

@group(0) @binding(0) var<storage, read_write> x: array<{{VECTOR}}>;
@group(0) @binding(1) var<storage, read_write> dout: array<{{VECTOR}}>;
@group(0) @binding(2) var<storage, read_write> weight: array<{{VECTOR}}>;
@group(0) @binding(3) var<storage, read_write> mean: array<f32>;
@group(0) @binding(4) var<storage, read_write> rstd: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<{{VECTOR}}>;

var<workgroup> sums: array<vec2f, {{LANES * ROWS_PER_GROUP}}>;

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
  let known = min(row, {{ROWS - 1}}u);
  let center = mean[{{MEAN_SKIP}}u + known];
  let scale = rstd[{{RSTD_SKIP}}u + known];
  let firstX = {{X_SKIP}}u + row * {{WIDTH}}u;
  let firstDout = {{DOUT_SKIP}}u + row * {{WIDTH}}u;
  var plain = {{VECTOR}}(0f);
  var product = {{VECTOR}}(0f);
  for (var c = lane; c < end; c += {{LANES}}u) {
    let g = dout[firstDout + c] * weight[c];
    plain += g;
    product = fma(g, (x[firstX + c] - center) * scale, product);
  }
//% if VECTORS
  sums[local] = vec2f((plain.x + plain.y) + (plain.z + plain.w), (product.x + product.y) + (product.z + product.w));
//% else
  sums[local] = vec2f(plain, product);
//% end
//% if FLAT
  workgroupBarrier();
  var totals = sums[local - lane];
//% for i in 1..LANES
  totals += sums[local - lane + {{i}}u];
//% end
//% else
  for (var step = {{LANES}}u >> 1u; step > 0u; step >>= 1u) {
    workgroupBarrier();
    if (lane < step) {
      sums[local] += sums[local + step];
    }
  }
  workgroupBarrier();
  let totals = sums[local - lane];
//% end
  let means = totals * {{INVERSE_WIDTH}};
  for (var c = lane; c < end; c += {{LANES}}u) {
    let normal = (x[firstX + c] - center) * scale;
    let value = scale * (dout[firstDout + c] * weight[c] - means.x - normal * means.y);
//% if ACCUMULATE
    dx[{{DX_SKIP}}u + row * {{WIDTH}}u + c] += value;
//% else
    dx[{{DX_SKIP}}u + row * {{WIDTH}}u + c] = value;
//% end
  }
}

// Gradients of a layer norm's weight and bias, first stage: column sums of dout · x̂ and dout over a chunk of rows.
//
// in:  x, dout f32 (ROWS, COLUMNS), mean, rstd f32 (ROWS)
// out: weights, biases f32 (chunks, COLUMNS): partial sums
// grid: (⌈COLUMNS / 64⌉, chunks); workgroup 64 × 4: a column each, every fourth row each; then the four are added in order.
// Deterministic; column_finish.wgsl adds the chunks.

@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> dout: array<f32>;
@group(0) @binding(2) var<storage, read_write> mean: array<f32>;
@group(0) @binding(3) var<storage, read_write> rstd: array<f32>;
@group(0) @binding(4) var<storage, read_write> weights: array<f32>;
@group(0) @binding(5) var<storage, read_write> biases: array<f32>;

var<workgroup> sums: array<vec2f, 256>;

@compute @workgroup_size(64, 4)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let column = group.x * 64u + local.x;
  var sum = vec2f(0f);
  if (column < {{COLUMNS}}u) {
    let end = min((group.y + 1u) * {{CHUNK}}u, {{ROWS}}u);
    for (var row = group.y * {{CHUNK}}u + local.y; row < end; row += 4u) {
      let d = dout[{{DOUT_SKIP}}u + row * {{COLUMNS}}u + column];
      let centered = x[{{X_SKIP}}u + row * {{COLUMNS}}u + column] - mean[{{MEAN_SKIP}}u + row];
      sum += vec2f(d * (centered * rstd[{{RSTD_SKIP}}u + row]), d);
    }
  }
  sums[local.y * 64u + local.x] = sum;
  workgroupBarrier();
  if (local.y == 0u && column < {{COLUMNS}}u) {
    let total = (sums[local.x] + sums[64u + local.x]) + (sums[128u + local.x] + sums[192u + local.x]);
    let at = {{PARTIALS_SKIP}}u + group.y * {{COLUMNS}}u + column;
    weights[at] = total.x;
    biases[at] = total.y;
  }
}

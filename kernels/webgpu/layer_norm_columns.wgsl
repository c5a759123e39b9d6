// Gradients of a layer norm's weight and bias, first stage: column sums of dout · x̂ and dout over a chunk of rows.
//
// in:  x, dout f32 (ROWS, COLUMNS), mean, rstd f32 (ROWS)
// out: weights, biases f32 (chunks, COLUMNS): partial sums
// grid: (⌈WIDTH / 32⌉, chunks); workgroup 32 × 8: a vector each (VECTOR = vec4f, or f32 where COLUMNS is not a multiple of 4;
// WIDTH = COLUMNS in vectors), every eighth row each; then the eight are added in order.
// Deterministic; column_finish.wgsl adds the chunks.

@group(0) @binding(0) var<storage, read_write> x: array<{{VECTOR}}>;
@group(0) @binding(1) var<storage, read_write> dout: array<{{VECTOR}}>;
@group(0) @binding(2) var<storage, read_write> mean: array<f32>;
@group(0) @binding(3) var<storage, read_write> rstd: array<f32>;
@group(0) @binding(4) var<storage, read_write> weights: array<{{VECTOR}}>;
@group(0) @binding(5) var<storage, read_write> biases: array<{{VECTOR}}>;

var<workgroup> weightSums: array<{{VECTOR}}, 256>;
var<workgroup> biasSums: array<{{VECTOR}}, 256>;

@compute @workgroup_size(32, 8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let column = group.x * 32u + local.x;
  var weight = {{VECTOR}}(0f);
  var bias = {{VECTOR}}(0f);
  if (column < {{WIDTH}}u) {
    let end = min((group.y + 1u) * {{CHUNK}}u, {{ROWS}}u);
    for (var row = group.y * {{CHUNK}}u + local.y; row < end; row += 8u) {
      let d = dout[{{DOUT_SKIP}}u + row * {{WIDTH}}u + column];
      let centered = x[{{X_SKIP}}u + row * {{WIDTH}}u + column] - mean[{{MEAN_SKIP}}u + row];
      weight = fma(d, centered * rstd[{{RSTD_SKIP}}u + row], weight);
      bias += d;
    }
  }
  weightSums[local.y * 32u + local.x] = weight;
  biasSums[local.y * 32u + local.x] = bias;
  workgroupBarrier();
  if (local.y == 0u && column < {{WIDTH}}u) {
//% for i in 1..8
    weight += weightSums[{{32 * i}}u + local.x];
    bias += biasSums[{{32 * i}}u + local.x];
//% end
    let at = {{PARTIALS_SKIP}}u + group.y * {{WIDTH}}u + column;
    weights[at] = weight;
    biases[at] = bias;
  }
}

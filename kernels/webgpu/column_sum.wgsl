// Column sums, first stage: each workgroup sums a chunk of rows for 32 vectors of columns.
//
// in:  x f32 (ROWS, COLUMNS)
// out: partials f32 (chunks, COLUMNS)
// grid: (⌈WIDTH / 32⌉, chunks); workgroup 32 × 8: a vector each (VECTOR = vec4f, or f32 where COLUMNS is not a multiple of 4;
// WIDTH = COLUMNS in vectors), every eighth row each; then the eight are added in order.
// Deterministic; column_finish.wgsl adds the chunks.

@group(0) @binding(0) var<storage, read_write> x: array<{{VECTOR}}>;
@group(0) @binding(1) var<storage, read_write> partials: array<{{VECTOR}}>;

var<workgroup> sums: array<{{VECTOR}}, 256>;

@compute @workgroup_size(32, 8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let column = group.x * 32u + local.x;
  var sum = {{VECTOR}}(0f);
  if (column < {{WIDTH}}u) {
    let end = min((group.y + 1u) * {{CHUNK}}u, {{ROWS}}u);
    for (var row = group.y * {{CHUNK}}u + local.y; row < end; row += 8u) {
      sum += x[{{X_SKIP}}u + row * {{WIDTH}}u + column];
    }
  }
  sums[local.y * 32u + local.x] = sum;
  workgroupBarrier();
  if (local.y == 0u && column < {{WIDTH}}u) {
//% for i in 1..8
    sum += sums[{{32 * i}}u + local.x];
//% end
    partials[{{PARTIALS_SKIP}}u + group.y * {{WIDTH}}u + column] = sum;
  }
}

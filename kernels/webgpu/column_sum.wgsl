// Column sums, first stage: each workgroup sums a chunk of rows for 64 columns.
//
// in:  x f32 (ROWS, COLUMNS)
// out: partials f32 (chunks, COLUMNS)
// grid: (⌈COLUMNS / 64⌉, chunks); workgroup 64 × 4: a column each, every fourth row each; then the four are added in order.
// Deterministic; column_finish.wgsl adds the chunks.

@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> partials: array<f32>;

var<workgroup> sums: array<f32, 256>;

@compute @workgroup_size(64, 4)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let column = group.x * 64u + local.x;
  var sum = 0f;
  if (column < {{COLUMNS}}u) {
    let end = min((group.y + 1u) * {{CHUNK}}u, {{ROWS}}u);
    for (var row = group.y * {{CHUNK}}u + local.y; row < end; row += 4u) {
      sum += x[{{X_SKIP}}u + row * {{COLUMNS}}u + column];
    }
  }
  sums[local.y * 64u + local.x] = sum;
  workgroupBarrier();
  if (local.y == 0u && column < {{COLUMNS}}u) {
    let total = (sums[local.x] + sums[64u + local.x]) + (sums[128u + local.x] + sums[192u + local.x]);
    partials[{{PARTIALS_SKIP}}u + group.y * {{COLUMNS}}u + column] = total;
  }
}

// Column sums, second stage: out += Σ over chunks, in order.
//
// in:  partials f32 (CHUNKS, COLUMNS)
// out: out f32 (COLUMNS), updated
// grid: one invocation a column, 64 a workgroup. Deterministic.

@group(0) @binding(0) var<storage, read_write> partials: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= {{COLUMNS}}u) {
    return;
  }
  var sum = 0f;
  for (var chunk = 0u; chunk < {{CHUNKS}}u; chunk++) {
    sum += partials[chunk * {{COLUMNS}}u + id.x];
  }
  out[id.x] += sum;
}

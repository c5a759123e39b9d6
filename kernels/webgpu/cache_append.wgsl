// Writes k and v of each row into the caches, at position start[b] + s; positions of P and above are dropped.
//
// in:  qkv f32 (B·S, 3C), start u32 (B)
// out: keys, values f32 (B, H, P, D)
// grid: one workgroup of 64 a row, striding over the width.

@group(0) @binding(0) var<storage, read_write> qkv: array<f32>;
@group(0) @binding(1) var<storage, read_write> start: array<u32>;
@group(0) @binding(2) var<storage, read_write> keys: array<f32>;
@group(0) @binding(3) var<storage, read_write> values: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= {{ROWS}}u) {
    return;
  }
  let b = row / {{SEQUENCE}}u;
  let position = start[{{START_SKIP}}u + b] + row % {{SEQUENCE}}u;
  if (position >= {{POSITIONS}}u) {
    return;
  }
  for (var c = lane; c < {{WIDTH}}u; c += 64u) {
    let head = c / {{HEAD_SIZE}}u;
    let at = ((b * {{HEADS}}u + head) * {{POSITIONS}}u + position) * {{HEAD_SIZE}}u + c % {{HEAD_SIZE}}u;
    let source = {{QKV_SKIP}}u + row * 3u * {{WIDTH}}u + {{WIDTH}}u + c;
    keys[{{KEYS_SKIP}}u + at] = qkv[source];
    values[{{VALUES_SKIP}}u + at] = qkv[source + {{WIDTH}}u];
  }
}

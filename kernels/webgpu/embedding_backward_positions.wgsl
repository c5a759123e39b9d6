// dwpe[s] += Σ over sequences of dout, in their order.
//
// in:  dout f32 (N, C), a range of its rows: sequences FIRST_SEQUENCE to END_SEQUENCE lie in it, some perhaps in part
// out: dwpe f32 (P, C), a range of its rows, updated
// grid: a workgroup of 64 for each of POSITIONS positions and 64 vectors (VECTOR = vec4f, or f32 where C is not a multiple
// of 4; WIDTH = C in vectors).

@group(0) @binding(0) var<storage, read_write> dout: array<{{VECTOR}}>;
@group(0) @binding(1) var<storage, read_write> dwpe: array<{{VECTOR}}>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let place = group.y * groups.x + group.x;
  let c = group.z * 64u + lane;
  if (place >= {{POSITIONS}}u || c >= {{WIDTH}}u) {
    return;
  }
  var sum = {{VECTOR}}(0f);
  for (var b = {{FIRST_SEQUENCE}}u; b < {{END_SEQUENCE}}u; b++) {
    let row = b * {{SEQUENCE}}u + {{FIRST_POSITION}}u + place - {{FIRST_ROW}}u;
//% if PARTIAL
    if (row >= {{ROWS}}u) {
      continue;
    }
//% end
    sum += dout[{{DOUT_SKIP}}u + row * {{WIDTH}}u + c];
  }
  dwpe[{{DWPE_SKIP}}u + place * {{WIDTH}}u + c] += sum;
}

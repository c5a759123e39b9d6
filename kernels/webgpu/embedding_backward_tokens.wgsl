// dwte[token] += Σ dout over the rows with that token, in the order of the rows. No atomics: run k of `order` holds the rows of
// one token, and one workgroup adds them up.
//
// in:  tokens, order u32 (N), starts u32 (N + 1): run k is order[starts[k]] to order[starts[k + 1]], none where starts[k] ≥ N;
//      dout f32 (N, C), a range of its rows
// out: dwte f32 (V, C), a range of its rows, updated
// grid: a workgroup of 64 for each k < N and 64 vectors (VECTOR = vec4f, or f32 where C is not a multiple of 4; WIDTH = C in
// vectors). A dispatch takes rows SKIPPED to SKIPPED + LENGTH of each run, so that no loop grows too long.

@group(0) @binding(0) var<storage, read_write> tokens: array<u32>;
@group(0) @binding(1) var<storage, read_write> order: array<u32>;
@group(0) @binding(2) var<storage, read_write> starts: array<u32>;
@group(0) @binding(3) var<storage, read_write> dout: array<{{VECTOR}}>;
@group(0) @binding(4) var<storage, read_write> dwte: array<{{VECTOR}}>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let run = group.y * groups.x + group.x;
  let c = group.z * 64u + lane;
  if (run >= {{COUNT}}u || c >= {{WIDTH}}u) {
    return;
  }
  let start = starts[run];
  if (start >= {{COUNT}}u) {
    return;
  }
  let entry = tokens[order[start]] - {{FIRST_TOKEN}}u;
  let first = start + {{SKIPPED}}u;
  let end = min(min(starts[run + 1u], {{COUNT}}u), first + {{LENGTH}}u);
  if (entry >= {{TOKEN_COUNT}}u || first >= end) {
    return;
  }
  var sum = {{VECTOR}}(0f);
  for (var i = first; i < end; i++) {
    let row = order[i] - {{FIRST_ROW}}u;
//% if PARTIAL
    if (row >= {{ROWS}}u) {
      continue;
    }
//% end
    sum += dout[{{DOUT_SKIP}}u + row * {{WIDTH}}u + c];
  }
  dwte[{{DWTE_SKIP}}u + entry * {{WIDTH}}u + c] += sum;
}

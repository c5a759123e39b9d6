// The second half of a matmul cut along k: out = epilogue(Σ slices), the slices added in order, so results are the same every time.
//
// slices (SLICES, M, N), out (M, N). One invocation for each four columns of a row; grid: (⌈invocations / 64⌉) folded into y.
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let e = id.y * groups.x * 64u + id.x;
  let m = e / {{QUADS}}u;
  let n = (e - m * {{QUADS}}u) * 4u;
  if (m >= M) { return; }
  var sum = start(n);
  for (var s = 0u; s < {{SLICES}}u; s++) {
    let at = (s * M + m) * N + n;
    //% if OUT_ALIGNED
    sum += slices[at >> 2u];
    //% else
    sum += vec4f(slices[at], slices[at + 1u], slices[at + 2u], slices[at + 3u]);
    //% end
  }
  finish(m, n, sum);
}

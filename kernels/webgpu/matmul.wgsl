// out = epilogue(a · b): one invocation per output element block of 4 rows; plain, for any shape.
{{DECLARATIONS}}
const M: u32 = {{M}}u;
const N: u32 = {{N}}u;
const K: u32 = {{K}}u;

{{EPILOGUE}}

@compute @workgroup_size(64, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let n = min(id.x, N - 1u);
  let first = id.y * {{ROWS}}u;
  //% for r in 0..ROWS
  let m{{r}} = min(first + {{r}}u, M - 1u);
  var s{{r}} = 0f;
  //% end
  for (var outer = 0u; outer < K; outer += 32768u) {
    let end = min(outer + 32768u, K);
    for (var k = outer; k < end; k++) {
      let y = b[{{B_INDEX}}];
      //% for r in 0..ROWS
      s{{r}} = fma(a[{{A_INDEX_HEAD}}m{{r}}{{A_INDEX_TAIL}}], y, s{{r}});
      //% end
    }
  }
  if (id.x < N) {
    //% for r in 0..ROWS
    if (first + {{r}}u < M) { finish(first + {{r}}u, n, s{{r}}); }
    //% end
  }
}

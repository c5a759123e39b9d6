// Matmul of a few rows (decoding) on GPUs, where reading b is all the work: k is cut over the threads of a workgroup.
//
// a (M, K) or (K, M) with M = ROWS ≤ 16, b (K, N) or (N, K), out (M, N), all f32. Grid: (⌈N / (4 · COLUMNS)⌉) folded into y.
// THREADS = COLUMNS · SLICES. A thread sums four columns over every SLICES-th group of four k for all rows; neighbouring threads read
// neighbouring addresses of b. The threads' sums meet in shared memory and are added in order. No atomics.
var<workgroup> partial: array<vec4f, {{THREADS * ROWS}}>;

@compute @workgroup_size({{THREADS}})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  //% if TRANS_B
  let slice = thread & {{SLICES - 1}}u;
  let column = thread >> {{LOG_SLICES}}u;
  //% else
  let column = thread & {{COLUMNS - 1}}u;
  let slice = thread >> {{LOG_COLUMNS}}u;
  //% end
  let n0 = (group.y * groups.x + group.x) * {{COLUMNS * 4}}u;
  let n = n0 + column * 4u;
  //% for r in 0..ROWS
  var s{{r}} = vec4f();
  //% end
  for (var k = slice * 4u; k < K; k += {{SLICES * 4}}u) {
    //% if TRANS_B
    //% for c in 0..4
    let b{{c}} = loadB(n + {{c}}u, k);
    //% end
    //% for u in 0..4
    var y{{u}} = vec4f(b0[{{u}}], b1[{{u}}], b2[{{u}}], b3[{{u}}]);
    //% end
    //% else
    //% for u in 0..4
    var y{{u}} = loadB(k + {{u}}u, n);
    //% end
    //% end
    //% if GUARD_K
    //% for u in 1..4
    y{{u}} = select(vec4f(), y{{u}}, k + {{u}}u < K);
    //% end
    //% end
    //% for r in 0..ROWS
    {
      //% if TRANS_A
      var x = vec4f(
        loadA(k, {{r / 4 * 4}}u)[{{r % 4}}],
        loadA(k + 1u, {{r / 4 * 4}}u)[{{r % 4}}],
        loadA(k + 2u, {{r / 4 * 4}}u)[{{r % 4}}],
        loadA(k + 3u, {{r / 4 * 4}}u)[{{r % 4}}],
      );
      //% else
      var x = loadA({{r}}u, k);
      //% end
      //% if GUARD_K
      x = select(vec4f(), x, vec4u(k) + vec4u(0u, 1u, 2u, 3u) < vec4u(K));
      //% end
      //% for u in 0..4
      s{{r}} = fma(vec4f(x[{{u}}]), y{{u}}, s{{r}});
      //% end
    }
    //% end
  }
  //% for r in 0..ROWS
  partial[{{r * THREADS}}u + slice * {{COLUMNS}}u + column] = s{{r}};
  //% end
  workgroupBarrier();
  for (var e = thread; e < {{ROWS * COLUMNS}}u; e += {{THREADS}}u) {
    let row = e >> {{LOG_COLUMNS}}u;
    let own = e & {{COLUMNS - 1}}u;
    var sum = start(n0 + own * 4u);
    for (var i = 0u; i < {{SLICES}}u; i++) { sum += partial[row * {{THREADS}}u + i * {{COLUMNS}}u + own]; }
    finish(row, n0 + own * 4u, sum);
  }
}

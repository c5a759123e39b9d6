// Matmul for software adapters: a subgroup computes ROWS rows by 4 · LANES columns with every sum in a register, no shared memory.
//
// a (M, K) or (K, M), b (K, N) or (N, K), out (M, N), all f32. One subgroup each in a grid of ⌈N / (4 · LANES)⌉ by ⌈M / ROWS⌉.
// Neighbours in the grid share columns of b where b's rows are scattered over k, so that its pages stay in reach; else rows of a.
// Lane l owns columns 4l to 4l + 3. lavapipe turns a load from a buffer into a branch and a scalar load for every lane, whatever
// the addresses, so loads must be few: a lane reads four elements of a for the whole subgroup, and each is handed round by a
// broadcast, one instruction. Sums go in row groups of GROUP: LLVM keeps the order of the source, and GROUP · 4 sums fit the 16
// registers of AVX2. Each sum runs over k in ascending order, so results do not depend on the grid.
//% if !SUBGROUPS
// Here every lane reads all of the rows of a that it needs (SPREAD = 1).
fn own(x: f32, lane: u32) -> f32 { return x; }
//% end

//% if DEFERRED
fn leave(m: u32, n: u32, sum: vec4f) {
  let at = m * {{OUT_STRIDE}}u + {{OUT_FIRST}}u + n;
  //% if OUT_ALIGNED
  if (n < N) { {{LEFT}}[at >> 2u] = sum; }
  //% else
  //% for c in 0..4
  if (n + {{c}}u < N) { {{LEFT}}[at + {{c}}u] = sum[{{c}}]; }
  //% end
  //% end
}

fn left(m: u32, n: u32) -> vec4f {
  let at = m * {{OUT_STRIDE}}u + {{OUT_FIRST}}u + n;
  //% if OUT_ALIGNED
  return {{LEFT}}[at >> 2u];
  //% else
  return vec4f({{LEFT}}[at], {{LEFT}}[at + 1u], {{LEFT}}[at + 2u], {{LEFT}}[at + 3u]);
  //% end
}
//% end

@compute @workgroup_size({{LANES}})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let m = group.{{AXIS_M}} * {{ROWS}}u;
  let n = (group.{{AXIS_N}} * {{LANES}}u + lane) * 4u;
  let initial = start(n);
  //% for r in 0..ROWS
  var s{{r}} = initial;
  //% end
  for (var k = 0u; k < {{K / 4 * 4}}u; k += 4u) {
    //% if TRANS_A
    //% for u in 0..4
    //% for g in 0..GATHERS
    let a{{g}}_{{u}} = loadA(k + {{u}}u, m + {{4 * SPREAD * g}}u + 4u * {{LANE}});
    //% end
    //% end
    //% else
    //% for g in 0..GATHERS
    let a{{g}} = loadA(m + {{SPREAD * g}}u + {{LANE}}, k);
    //% end
    //% end
    //% if TRANS_B
    //% for c in 0..4
    let b{{c}} = loadB(n + {{c}}u, k);
    //% end
    //% for u in 0..4
    let y{{u}} = vec4f(b0[{{u}}], b1[{{u}}], b2[{{u}}], b3[{{u}}]);
    //% end
    //% else
    //% for u in 0..4
    let y{{u}} = loadB(k + {{u}}u, n);
    //% end
    //% end
    //% for q in 0..ROWS/GROUP
    //% for u in 0..4
    //% for r in q*GROUP..(q+1)*GROUP
    //% if TRANS_A
    s{{r}} = fma(vec4f({{SHARE}}(a{{r / (4 * SPREAD)}}_{{u}}[{{r % 4}}], {{r % (4 * SPREAD) / 4}}u)), y{{u}}, s{{r}});
    //% else
    s{{r}} = fma(vec4f({{SHARE}}(a{{r / SPREAD}}[{{u}}], {{r % SPREAD}}u)), y{{u}}, s{{r}});
    //% end
    //% end
    //% end
    //% end
  }
  //% for t in 0..K%4
  {
    let k = {{K / 4 * 4 + t}}u;
    //% for g in 0..GATHERS
    //% if TRANS_A
    let a{{g}} = loadA(k, m + {{4 * SPREAD * g}}u + 4u * {{LANE}});
    //% else
    let a{{g}} = loadA(m + {{SPREAD * g}}u + {{LANE}}, k);
    //% end
    //% end
    //% if TRANS_B
    let y = vec4f(loadB(n, k)[0], loadB(n + 1u, k)[0], loadB(n + 2u, k)[0], loadB(n + 3u, k)[0]);
    //% else
    let y = loadB(k, n);
    //% end
    //% for r in 0..ROWS
    //% if TRANS_A
    s{{r}} = fma(vec4f({{SHARE}}(a{{r / (4 * SPREAD)}}[{{r % 4}}], {{r % (4 * SPREAD) / 4}}u)), y, s{{r}});
    //% else
    s{{r}} = fma(vec4f({{SHARE}}(a{{r / SPREAD}}[0], {{r % SPREAD}}u)), y, s{{r}});
    //% end
    //% end
  }
  //% end
  //% if DEFERRED
  // The sums go out bare first, and a loop finishes them: LLVM takes seconds over ROWS copies of an epilogue.
  //% for r in 0..ROWS
  if (m + {{r}}u < M) { leave(m + {{r}}u, n, s{{r}}); }
  //% end
  for (var r = 0u; r < min({{ROWS}}u, M - m); r++) { finish(m + r, n, left(m + r, n)); }
  //% else
  //% for r in 0..ROWS
  if (m + {{r}}u < M) { finish(m + {{r}}u, n, s{{r}}); }
  //% end
  //% end
}

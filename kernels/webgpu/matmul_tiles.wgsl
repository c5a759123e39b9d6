// Matmul for GPUs: a workgroup computes a TILE_M × TILE_N tile of out in steps of 16 k, each thread 8 × 8 sums in registers.
//
// a (M, K) or (K, M), b (K, N) or (N, K), out (M, N), all f32. Grid: (tiles of N, tiles of M, slices of K), TILE_M · TILE_N / 64
// threads. Thread (x, y) owns rows 4y … 4y + 3 of both halves of the tile and columns 4x … 4x + 3 of both.
// An element of the shared arrays is a block of 4 × 4 numbers with one vec4 of padding, as it lies in memory (a vec4 runs along k
// or along m, n), so that one index, which WebGPU bounds-checks, brings 16 numbers; blocks of neighbouring threads, 80 bytes apart,
// lie in different banks. Waiting for memory is
// hidden by other workgroups: fetching ahead into registers made RDNA3 spill.
// Each sum runs over k in ascending order; slices are added in order by matmul_slices.wgsl. No atomics.
var<workgroup> tileA: array<array<vec4f, 5>, {{TILE_M}}>;
var<workgroup> tileB: array<array<vec4f, 5>, {{TILE_N}}>;


// Four elements of a tile that starts at k: of line `line` (counted from k if lines run along m or n), from `along`.
fn fetchA(k: u32, end: u32, line: u32, along: u32) -> vec4f {
  //% if TRANS_A
  let v = loadA(k + line, along);
  //% if GUARD_K
  return select(vec4f(), v, k + line < end);
  //% else
  return v;
  //% end
  //% else
  let v = loadA(line, k + along);
  //% if GUARD_K
  return select(vec4f(), v, vec4u(k + along) + vec4u(0u, 1u, 2u, 3u) < vec4u(end));
  //% else
  return v;
  //% end
  //% end
}

fn fetchB(k: u32, end: u32, line: u32, along: u32) -> vec4f {
  //% if TRANS_B
  let v = loadB(line, k + along);
  //% if GUARD_K
  return select(vec4f(), v, vec4u(k + along) + vec4u(0u, 1u, 2u, 3u) < vec4u(end));
  //% else
  return v;
  //% end
  //% else
  let v = loadB(k + line, along);
  //% if GUARD_K
  return select(vec4f(), v, k + line < end);
  //% else
  return v;
  //% end
  //% end
}

@compute @workgroup_size({{THREADS}})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let m = group.y * {{TILE_M}}u;
  let n = group.x * {{TILE_N}}u;
  let x = thread & {{TILE_N / 8 - 1}}u;
  let y = thread >> {{LOG_X}}u;
  let begin = group.z * {{SLICE}}u;
  let end = min(begin + {{SLICE}}u, K);

  // This thread's share of a tile: where it lies in memory, and the block and the vec4 of it where it goes.
  //% if TRANS_A
  let lineA = thread >> {{LOG_M}}u;
  let alongA = m + 4u * (thread & {{TILE_M / 4 - 1}}u);
  let blockA = (lineA >> 2u) * {{TILE_M / 4}}u + (thread & {{TILE_M / 4 - 1}}u);
  let placeA = lineA & 3u;
  //% else
  let lineA = m + (thread >> 2u);
  let alongA = 4u * (thread & 3u);
  let blockA = (thread & 3u) * {{TILE_M / 4}}u + (thread >> 4u);
  let placeA = (thread >> 2u) & 3u;
  //% end
  //% if TRANS_B
  let lineB = n + (thread >> 2u);
  let alongB = 4u * (thread & 3u);
  let blockB = (thread & 3u) * {{TILE_N / 4}}u + (thread >> 4u);
  let placeB = (thread >> 2u) & 3u;
  //% else
  let lineB = thread >> {{LOG_N}}u;
  let alongB = n + 4u * (thread & {{TILE_N / 4 - 1}}u);
  let blockB = (lineB >> 2u) * {{TILE_N / 4}}u + (thread & {{TILE_N / 4 - 1}}u);
  let placeB = lineB & 3u;
  //% end

  let start0 = start(n + 4u * x);
  let start1 = start(n + 4u * x + {{TILE_N / 2}}u);
  //% for r in 0..8
  var s{{r}}_0 = start0;
  var s{{r}}_1 = start1;
  //% end

  for (var k = begin; k < end; k += 16u) {
    workgroupBarrier();
    //% for i in 0..LOADS_A
    tileA[blockA + {{i * BLOCKS_A}}u][placeA] = fetchA(k, end, lineA + {{i * LINES_A}}u, alongA);
    //% end
    //% for i in 0..LOADS_B
    tileB[blockB + {{i * BLOCKS_B}}u][placeB] = fetchB(k, end, lineB + {{i * LINES_B}}u, alongB);
    //% end
    workgroupBarrier();
    //% for g in 0..4
    {
      let b0 = tileB[{{g * TILE_N / 4}}u + x];
      let b1 = tileB[{{g * TILE_N / 4 + TILE_N / 8}}u + x];
      //% for half in 0..2
      {
        let a0 = tileA[{{g * TILE_M / 4 + half * TILE_M / 8}}u + y];
        //% for u in 0..4
        {
          //% for h in 0..2
          //% if TRANS_B
          let y{{h}} = vec4f(b{{h}}[0][{{u}}], b{{h}}[1][{{u}}], b{{h}}[2][{{u}}], b{{h}}[3][{{u}}]);
          //% else
          let y{{h}} = b{{h}}[{{u}}];
          //% end
          //% end
          //% for r in 0..4
          //% for h in 0..2
          //% if TRANS_A
          s{{half * 4 + r}}_{{h}} = fma(vec4f(a0[{{u}}][{{r}}]), y{{h}}, s{{half * 4 + r}}_{{h}});
          //% else
          s{{half * 4 + r}}_{{h}} = fma(vec4f(a0[{{r}}][{{u}}]), y{{h}}, s{{half * 4 + r}}_{{h}});
          //% end
          //% end
          //% end
        }
        //% end
      }
      //% end
    }
    //% end
  }

  //% for r in 0..8
  {
    let row = m + 4u * y + {{r / 4 * (TILE_M / 2) + r % 4}}u;
    if (row < M) {
      finish(row + group.z * M, n + 4u * x, s{{r}}_0);
      finish(row + group.z * M, n + 4u * x + {{TILE_N / 2}}u, s{{r}}_1);
    }
  }
  //% end
}

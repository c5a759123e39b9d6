// Backward of causal attention by shared-memory tiles, first pass: dq and delta = Σ dout · out.
// In: qkv (B·S, 3C), out and dout (B·S, C), lse (B, H, S). Out: the q third of dqkv (B·S, 3C), delta (B, H, S).
// Grid (query tiles, heads, sequences), long rows first; 8 × {{DOWN}} invocations for {{DOWN*4*GROUPS}} queries, 32 keys at a time.
// Probabilities come from lse (Dao et al. 2022). Values and keys take turns in one tile. Fixed order of sums.

@group(0) @binding(0) var<storage, read_write> qkv: array<{{ELEMENT}}>;
@group(0) @binding(1) var<storage, read_write> out: array<{{ELEMENT}}>;
@group(0) @binding(2) var<storage, read_write> dout: array<{{ELEMENT}}>;
@group(0) @binding(3) var<storage, read_write> lse: array<f32>;
@group(0) @binding(4) var<storage, read_write> dqkv: array<{{ELEMENT}}>;
@group(0) @binding(5) var<storage, read_write> delta: array<f32>;
//% if DROPOUT
@group(0) @binding(6) var<storage, read_write> seed: array<u32>;
@group(0) @binding(7) var<storage, read_write> words: array<u32>;
//% end

{{ACCESS}}

var<workgroup> queryTile: array<Element, {{CHUNKS*DOWN*GROUPS}}>; // [chunk][4 queries]
var<workgroup> gradientTile: array<Element, {{CHUNKS*DOWN*GROUPS}}>; // dout [chunk][4 queries]
var<workgroup> streamTile: array<Element, {{CHUNKS*9}}>; // values, then keys [chunk][4 keys], 9 apart for the banks
var<workgroup> shareTile: array<Element, {{8*DOWN*GROUPS}}>; // gradients of scores [4 keys][4 queries]
var<workgroup> partial: array<array<f32, 9>, {{DOWN*4*GROUPS}}>; // [query][invocation down]

@compute @workgroup_size({{DOWN*8}})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let across = lane & 7u;
  let down = lane >> 3u;
  let first = ({{TILES-1}}u - group.x) * {{DOWN*4*GROUPS}}u;
  let row = {{QKV_BASE}}u + group.z * {{SEQUENCE*QKV_ROW}}u + group.y * {{HEAD}}u;
  let outRow = {{OUT_BASE}}u + group.z * {{SEQUENCE*OUT_ROW}}u + group.y * {{HEAD}}u;
  let lseRow = (group.z * {{HEADS}}u + group.y) * {{SEQUENCE}}u;
  let end = min(first + {{DOWN*4*GROUPS}}u, {{SEQUENCE}}u);
//% if DROPOUT
  let key = vec2u(seed[0], seed[1]);
  let counter = words[0] | (({{FIRST_SEQUENCE}}u + group.z) * {{HEADS}}u + group.y);
//% end

//% for r in 0..OWN_LOADS
  let own{{r}} = min(first + across + {{r*8}}u, {{SEQUENCE-1}}u);
  var sum{{r}} = vec4f(0.0);
//% end
//% for n in 0..LOADS
  let in{{n}} = down + {{n*DOWN}}u;
  if (in{{n}} < {{CHUNKS}}u) {
//% for r in 0..OWN_LOADS
    let to{{r}} = in{{n}} * {{DOWN*GROUPS}}u + ((across + {{r*8}}u) >> 2u);
    let g{{r}} = load_dout(outRow + own{{r}} * {{OUT_ROW}}u, in{{n}});
    queryTile[to{{r}}][across & 3u] = load_qkv(row + own{{r}} * {{QKV_ROW}}u, in{{n}}) * {{SCALE}};
    gradientTile[to{{r}}][across & 3u] = g{{r}};
    sum{{r}} = fma(g{{r}}, load_out(outRow + own{{r}} * {{OUT_ROW}}u, in{{n}}), sum{{r}});
//% end
  }
//% end
//% for r in 0..OWN_LOADS
  partial[across + {{r*8}}u][down] = (sum{{r}}.x + sum{{r}}.y) + (sum{{r}}.z + sum{{r}}.w);
//% end
//% for n in 0..COLUMNS
  let chunk{{n}} = min(across + {{n*8}}u, {{CHUNKS-1}}u);
//% end
  workgroupBarrier();
//% for g in 0..GROUPS
//% for r in 0..4
  let slot{{g}}_{{r}} = ({{g*DOWN}}u + down) * 4u + {{r}}u;
  let i{{g}}_{{r}} = first + slot{{g}}_{{r}};
  let lse{{g}}_{{r}} = lse[{{LSE_BASE}}u + lseRow + min(i{{g}}_{{r}}, {{SEQUENCE-1}}u)] * 1.4426950408889634;
  let all{{g}}_{{r}} = partial[slot{{g}}_{{r}}];
  var delta{{g}}_{{r}} = all{{g}}_{{r}}[0];
//% for d in 1..DOWN
  delta{{g}}_{{r}} += all{{g}}_{{r}}[{{d}}];
//% end
//% for n in 0..COLUMNS
  var dq{{g}}_{{r}}_{{n}} = vec4f(0.0);
//% end
//% end
//% end

  for (var j = 0u; j < end; j += 32u) {
//% for n in 0..LOADS
    if (in{{n}} < {{CHUNKS}}u) {
//% for r in 0..4
      streamTile[in{{n}} * 9u + ((across + {{r*8}}u) >> 2u)][across & 3u] =
        load_qkv(row + {{OUT_ROW*2}}u + min(j + across + {{r*8}}u, end - 1u) * {{QKV_ROW}}u, in{{n}});
//% end
    }
//% end
    workgroupBarrier();
//% for g in 0..GROUPS
//% for r in 0..4
    var e{{g}}_{{r}} = vec4f(0.0);
    var s{{g}}_{{r}} = vec4f(0.0);
//% end
//% end
    for (var c = 0u; c < {{CHUNKS}}u; c += {{UNROLL}}u) {
//% for u in 0..UNROLL
      {
        let v = streamTile[(c + {{u}}u) * 9u + across];
//% for g in 0..GROUPS
        let g{{g}} = gradientTile[(c + {{u}}u) * {{DOWN*GROUPS}}u + {{g*DOWN}}u + down];
//% for r in 0..4
        e{{g}}_{{r}} = dots(g{{g}}[{{r}}], v, e{{g}}_{{r}});
//% end
//% end
      }
//% end
    }
    workgroupBarrier();
//% for n in 0..LOADS
    if (in{{n}} < {{CHUNKS}}u) {
//% for r in 0..4
      streamTile[in{{n}} * 9u + ((across + {{r*8}}u) >> 2u)][across & 3u] =
        load_qkv(row + {{OUT_ROW}}u + min(j + across + {{r*8}}u, end - 1u) * {{QKV_ROW}}u, in{{n}});
//% end
    }
//% end
    workgroupBarrier();
    for (var c = 0u; c < {{CHUNKS}}u; c += {{UNROLL}}u) {
//% for u in 0..UNROLL
      {
        let k = streamTile[(c + {{u}}u) * 9u + across];
//% for g in 0..GROUPS
        let q{{g}} = queryTile[(c + {{u}}u) * {{DOWN*GROUPS}}u + {{g*DOWN}}u + down];
//% for r in 0..4
        s{{g}}_{{r}} = dots(q{{g}}[{{r}}], k, s{{g}}_{{r}});
//% end
//% end
      }
//% end
    }
    let position = j + across * 4u + vec4u(0u, 1u, 2u, 3u);
//% for g in 0..GROUPS
//% for r in 0..4
    let p{{g}}_{{r}} = select(vec4f(0.0), exp2(s{{g}}_{{r}} - lse{{g}}_{{r}}), position <= vec4u(i{{g}}_{{r}}));
//% if DROPOUT
    let word{{g}}_{{r}} = i{{g}}_{{r}} * {{HALF_SEQUENCE}}u + (position.x >> 1u);
    let bits{{g}}_{{r}} = vec4u(threefry(key, vec2u(word{{g}}_{{r}}, counter)),
      threefry(key, vec2u(word{{g}}_{{r}} + 1u, counter)));
    e{{g}}_{{r}} *= select(vec4f(0.0), vec4f({{KEEP_SCALE}}), bits{{g}}_{{r}} >= vec4u({{THRESHOLD}}u));
//% end
    shareTile[across * {{DOWN*GROUPS}}u + {{g*DOWN}}u + down][{{r}}] = p{{g}}_{{r}} * (e{{g}}_{{r}} - delta{{g}}_{{r}});
//% end
//% end
    workgroupBarrier();
    for (var four = 0u; four < 8u; four += 2u) {
//% for u in 0..2
      {
//% for g in 0..GROUPS
        let ds{{g}} = shareTile[(four + {{u}}u) * {{DOWN*GROUPS}}u + {{g*DOWN}}u + down];
//% end
//% for n in 0..COLUMNS
        let k{{n}} = streamTile[chunk{{n}} * 9u + four + {{u}}u];
//% for g in 0..GROUPS
//% for r in 0..4
        dq{{g}}_{{r}}_{{n}} = weigh(ds{{g}}[{{r}}], k{{n}}, dq{{g}}_{{r}}_{{n}});
//% end
//% end
//% end
      }
//% end
    }
    workgroupBarrier();
  }

//% for g in 0..GROUPS
//% for r in 0..4
  if (i{{g}}_{{r}} < {{SEQUENCE}}u) {
//% for n in 0..COLUMNS
    if (across + {{n*8}}u < {{CHUNKS}}u) {
      store_dqkv(row + i{{g}}_{{r}} * {{QKV_ROW}}u, chunk{{n}}, dq{{g}}_{{r}}_{{n}} * {{ROOT}});
    }
//% end
    if (across == 0u) {
      delta[{{DELTA_BASE}}u + lseRow + i{{g}}_{{r}}] = delta{{g}}_{{r}};
    }
  }
//% end
//% end
}

// Backward of causal attention by shared-memory tiles, second pass: dk and dv.
// In: qkv (B·S, 3C), dout (B·S, C), lse and delta (B, H, S). Out: the k and v thirds of dqkv (B·S, 3C).
// Grid (key tiles, heads, sequences); 8 × {{DOWN}} invocations for {{DOWN*4*GROUPS}} keys, 32 queries at a time.
// Probabilities come from lse (Dao et al. 2022). Queries and gradients take turns in one tile. No atomics, fixed order of sums.

@group(0) @binding(0) var<storage, read_write> qkv: array<{{ELEMENT}}>;
@group(0) @binding(1) var<storage, read_write> dout: array<{{ELEMENT}}>;
@group(0) @binding(2) var<storage, read_write> lse: array<f32>;
@group(0) @binding(3) var<storage, read_write> dqkv: array<{{ELEMENT}}>;
@group(0) @binding(4) var<storage, read_write> delta: array<f32>;
//% if DROPOUT
@group(0) @binding(5) var<storage, read_write> seed: array<u32>;
@group(0) @binding(6) var<storage, read_write> words: array<u32>;
//% end

{{ACCESS}}

var<workgroup> keyTile: array<Element, {{CHUNKS*DOWN*GROUPS}}>; // [chunk][4 keys]
var<workgroup> valueTile: array<Element, {{CHUNKS*DOWN*GROUPS}}>; // [chunk][4 keys]
var<workgroup> streamTile: array<Element, {{CHUNKS*9}}>; // queries or dout [chunk][4 queries], 9 apart for the banks
var<workgroup> shareTile: array<Element, {{8*DOWN*GROUPS}}>; // probabilities, then gradients of scores [4 queries][4 keys]

@compute @workgroup_size({{DOWN*8}})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let across = lane & 7u;
  let down = lane >> 3u;
  let first = group.x * {{DOWN*4*GROUPS}}u;
  let row = {{QKV_BASE}}u + group.z * {{SEQUENCE*QKV_ROW}}u + group.y * {{HEAD}}u;
  let outRow = {{OUT_BASE}}u + group.z * {{SEQUENCE*OUT_ROW}}u + group.y * {{HEAD}}u;
  let lseRow = (group.z * {{HEADS}}u + group.y) * {{SEQUENCE}}u;
//% if DROPOUT
  let key = vec2u(seed[0], seed[1]);
  let counter = words[0] | (({{FIRST_SEQUENCE}}u + group.z) * {{HEADS}}u + group.y);
//% end

//% for n in 0..LOADS
  let in{{n}} = down + {{n*DOWN}}u;
  if (in{{n}} < {{CHUNKS}}u) {
//% for r in 0..OWN_LOADS
    let own{{r}} = row + min(first + across + {{r*8}}u, {{SEQUENCE-1}}u) * {{QKV_ROW}}u;
    let to{{r}} = in{{n}} * {{DOWN*GROUPS}}u + ((across + {{r*8}}u) >> 2u);
    keyTile[to{{r}}][across & 3u] = load_qkv(own{{r}} + {{OUT_ROW}}u, in{{n}}) * {{SCALE}};
    valueTile[to{{r}}][across & 3u] = load_qkv(own{{r}} + {{OUT_ROW*2}}u, in{{n}});
//% end
  }
//% end
//% for n in 0..COLUMNS
  let chunk{{n}} = min(across + {{n*8}}u, {{CHUNKS-1}}u);
//% end
//% for g in 0..GROUPS
//% for r in 0..4
  let j{{g}}_{{r}} = first + ({{g*DOWN}}u + down) * 4u + {{r}}u;
//% for n in 0..COLUMNS
  var dk{{g}}_{{r}}_{{n}} = vec4f(0.0);
  var dv{{g}}_{{r}}_{{n}} = vec4f(0.0);
//% end
//% end
//% end

  for (var i = first; i < {{SEQUENCE}}u; i += 32u) {
//% for n in 0..LOADS
    if (in{{n}} < {{CHUNKS}}u) {
//% for r in 0..4
      streamTile[in{{n}} * 9u + ((across + {{r*8}}u) >> 2u)][across & 3u] =
        load_qkv(row + min(i + across + {{r*8}}u, {{SEQUENCE-1}}u) * {{QKV_ROW}}u, in{{n}});
//% end
    }
//% end
    workgroupBarrier();
//% for g in 0..GROUPS
//% for r in 0..4
    var s{{g}}_{{r}} = vec4f(0.0);
    var e{{g}}_{{r}} = vec4f(0.0);
//% end
//% end
    for (var c = 0u; c < {{CHUNKS}}u; c += {{UNROLL}}u) {
//% for u in 0..UNROLL
      {
        let q = streamTile[(c + {{u}}u) * 9u + across];
//% for g in 0..GROUPS
        let k{{g}} = keyTile[(c + {{u}}u) * {{DOWN*GROUPS}}u + {{g*DOWN}}u + down];
//% for r in 0..4
        s{{g}}_{{r}} = dots(k{{g}}[{{r}}], q, s{{g}}_{{r}});
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
        load_dout(outRow + min(i + across + {{r*8}}u, {{SEQUENCE-1}}u) * {{OUT_ROW}}u, in{{n}});
//% end
    }
//% end
    workgroupBarrier();
    for (var c = 0u; c < {{CHUNKS}}u; c += {{UNROLL}}u) {
//% for u in 0..UNROLL
      {
        let g = streamTile[(c + {{u}}u) * 9u + across];
//% for g in 0..GROUPS
        let v{{g}} = valueTile[(c + {{u}}u) * {{DOWN*GROUPS}}u + {{g*DOWN}}u + down];
//% for r in 0..4
        e{{g}}_{{r}} = dots(v{{g}}[{{r}}], g, e{{g}}_{{r}});
//% end
//% end
      }
//% end
    }
    let query = i + across * 4u + vec4u(0u, 1u, 2u, 3u);
    let at = lseRow + min(query, vec4u({{SEQUENCE-1}}u));
    let lses = vec4f(lse[{{LSE_BASE}}u + at.x], lse[{{LSE_BASE}}u + at.y], lse[{{LSE_BASE}}u + at.z],
      lse[{{LSE_BASE}}u + at.w]) * 1.4426950408889634;
    let deltas = vec4f(delta[{{DELTA_BASE}}u + at.x], delta[{{DELTA_BASE}}u + at.y], delta[{{DELTA_BASE}}u + at.z],
      delta[{{DELTA_BASE}}u + at.w]);
    let inside = query < vec4u({{SEQUENCE}}u);
//% if DROPOUT
//% for g in 0..GROUPS
//% for h in 0..2
    let word{{g}}_{{h}} = query * {{HALF_SEQUENCE}}u + (j{{g}}_{{h*2}} >> 1u);
    let x{{g}}_{{h}} = threefry(key, vec2u(word{{g}}_{{h}}.x, counter));
    let y{{g}}_{{h}} = threefry(key, vec2u(word{{g}}_{{h}}.y, counter));
    let z{{g}}_{{h}} = threefry(key, vec2u(word{{g}}_{{h}}.z, counter));
    let w{{g}}_{{h}} = threefry(key, vec2u(word{{g}}_{{h}}.w, counter));
    let bits{{g}}_{{h*2}} = vec4u(x{{g}}_{{h}}.x, y{{g}}_{{h}}.x, z{{g}}_{{h}}.x, w{{g}}_{{h}}.x);
    let bits{{g}}_{{h*2+1}} = vec4u(x{{g}}_{{h}}.y, y{{g}}_{{h}}.y, z{{g}}_{{h}}.y, w{{g}}_{{h}}.y);
//% end
//% end
//% end
//% for g in 0..GROUPS
//% for r in 0..4
    let p{{g}}_{{r}} = select(vec4f(0.0), exp2(s{{g}}_{{r}} - lses), inside & (vec4u(j{{g}}_{{r}}) <= query));
//% if DROPOUT
    let keep{{g}}_{{r}} = select(vec4f(0.0), vec4f({{KEEP_SCALE}}), bits{{g}}_{{r}} >= vec4u({{THRESHOLD}}u));
    shareTile[across * {{DOWN*GROUPS}}u + {{g*DOWN}}u + down][{{r}}] = p{{g}}_{{r}} * keep{{g}}_{{r}};
    e{{g}}_{{r}} = p{{g}}_{{r}} * (e{{g}}_{{r}} * keep{{g}}_{{r}} - deltas);
//% else
    shareTile[across * {{DOWN*GROUPS}}u + {{g*DOWN}}u + down][{{r}}] = p{{g}}_{{r}};
    e{{g}}_{{r}} = p{{g}}_{{r}} * (e{{g}}_{{r}} - deltas);
//% end
//% end
//% end
    workgroupBarrier();
    for (var four = 0u; four < 8u; four += 2u) {
//% for u in 0..2
      {
//% for g in 0..GROUPS
        let p{{g}} = shareTile[(four + {{u}}u) * {{DOWN*GROUPS}}u + {{g*DOWN}}u + down];
//% end
//% for n in 0..COLUMNS
        let g{{n}} = streamTile[chunk{{n}} * 9u + four + {{u}}u];
//% for g in 0..GROUPS
//% for r in 0..4
        dv{{g}}_{{r}}_{{n}} = weigh(p{{g}}[{{r}}], g{{n}}, dv{{g}}_{{r}}_{{n}});
//% end
//% end
//% end
      }
//% end
    }
    workgroupBarrier();
//% for g in 0..GROUPS
//% for r in 0..4
    shareTile[across * {{DOWN*GROUPS}}u + {{g*DOWN}}u + down][{{r}}] = e{{g}}_{{r}};
//% end
//% end
//% for n in 0..LOADS
    if (in{{n}} < {{CHUNKS}}u) {
//% for r in 0..4
      streamTile[in{{n}} * 9u + ((across + {{r*8}}u) >> 2u)][across & 3u] =
        load_qkv(row + min(i + across + {{r*8}}u, {{SEQUENCE-1}}u) * {{QKV_ROW}}u, in{{n}});
//% end
    }
//% end
    workgroupBarrier();
    for (var four = 0u; four < 8u; four += 2u) {
//% for u in 0..2
      {
//% for g in 0..GROUPS
        let ds{{g}} = shareTile[(four + {{u}}u) * {{DOWN*GROUPS}}u + {{g*DOWN}}u + down];
//% end
//% for n in 0..COLUMNS
        let q{{n}} = streamTile[chunk{{n}} * 9u + four + {{u}}u];
//% for g in 0..GROUPS
//% for r in 0..4
        dk{{g}}_{{r}}_{{n}} = weigh(ds{{g}}[{{r}}], q{{n}}, dk{{g}}_{{r}}_{{n}});
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
  if (j{{g}}_{{r}} < {{SEQUENCE}}u) {
    let to = row + j{{g}}_{{r}} * {{QKV_ROW}}u;
//% for n in 0..COLUMNS
    if (across + {{n*8}}u < {{CHUNKS}}u) {
      store_dqkv(to + {{OUT_ROW}}u, chunk{{n}}, dk{{g}}_{{r}}_{{n}} * {{ROOT}});
      store_dqkv(to + {{OUT_ROW*2}}u, chunk{{n}}, dv{{g}}_{{r}}_{{n}});
    }
//% end
  }
//% end
//% end
}

// Causal attention by shared-memory tiles, forward: out = softmax(q kᵀ / √D) v (flash attention, Dao et al. 2022).
// In: qkv (B·S, 3C), with CACHED: keys and values (B, H, P, D) and start (B). Out: out (B·S, C), lse (B, H, S).
// Grid (query tiles, heads, sequences), long rows first; 8 × {{DOWN}} invocations for {{DOWN*4*GROUPS}} queries, 32 keys at a time.
// A tile element is 4 rows × 4 columns, so that one checked index brings 16 numbers. An invocation holds 4 × {{GROUPS}} query rows of the scores of 4 neighbouring keys, and of every 8th
// chunk of 4 output columns. Fixed order of sums: the same bits in every run.

@group(0) @binding(0) var<storage, read_write> qkv: array<{{ELEMENT}}>;
@group(0) @binding(1) var<storage, read_write> out: array<{{ELEMENT}}>;
//% if CACHED
@group(0) @binding(2) var<storage, read_write> keys: array<{{ELEMENT}}>;
@group(0) @binding(3) var<storage, read_write> values: array<{{ELEMENT}}>;
@group(0) @binding(4) var<storage, read_write> start: array<u32>;
//% else
@group(0) @binding(2) var<storage, read_write> lse: array<f32>;
//% end
//% if DROPOUT
@group(0) @binding(3) var<storage, read_write> seed: array<u32>;
@group(0) @binding(4) var<storage, read_write> words: array<u32>;
//% end

{{ACCESS}}

var<workgroup> queryTile: array<Element, {{CHUNKS*DOWN*GROUPS}}>; // [chunk][4 queries]
var<workgroup> streamTile: array<Element, {{CHUNKS*8}}>; // keys [chunk][4 keys], then values [4 keys][chunk]
var<workgroup> shareTile: array<Element, {{8*DOWN*GROUPS}}>; // probabilities [4 keys][4 queries]
var<workgroup> partial: array<array<f32, 9>, {{DOWN*4*GROUPS}}>; // [query][invocation across]
//% if CACHED
var<workgroup> cached: u32;
//% end

@compute @workgroup_size({{DOWN*8}})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let across = lane & 7u;
  let down = lane >> 3u;
  let first = ({{TILES-1}}u - group.x) * {{DOWN*4*GROUPS}}u;
  let row = {{QKV_BASE}}u + group.z * {{SEQUENCE*QKV_ROW}}u + group.y * {{HEAD}}u;
//% if CACHED
  if (lane == 0u) {
    cached = min(start[{{FIRST_SEQUENCE}}u + group.z], {{POSITIONS}}u);
  }
  let past = workgroupUniformLoad(&cached);
  let keyBase = {{CACHE_BASE}}u + (group.z * {{HEADS}}u + group.y) * {{POSITIONS*HEAD}}u;
  let valueBase = keyBase;
  let end = min(past + min(first + {{DOWN*4*GROUPS}}u, {{SEQUENCE}}u), {{POSITIONS}}u);
//% else
  let keyBase = row + {{OUT_ROW}}u;
  let valueBase = row + {{OUT_ROW*2}}u;
  let end = min(first + {{DOWN*4*GROUPS}}u, {{SEQUENCE}}u);
//% end
//% if DROPOUT
  let key = vec2u(seed[0], seed[1]);
  let counter = words[0] | (({{FIRST_SEQUENCE}}u + group.z) * {{HEADS}}u + group.y);
//% end

//% for n in 0..LOADS
  let in{{n}} = down + {{n*DOWN}}u;
  if (in{{n}} < {{CHUNKS}}u) {
//% for r in 0..OWN_LOADS
    let at{{r}} = across + {{r*8}}u;
    queryTile[in{{n}} * {{DOWN*GROUPS}}u + (at{{r}} >> 2u)][at{{r}} & 3u] =
      load_qkv(row + min(first + at{{r}}, {{SEQUENCE-1}}u) * {{QKV_ROW}}u, in{{n}}) * {{SCALE}};
//% end
  }
//% end
//% for n in 0..COLUMNS
  let chunk{{n}} = min(across + {{n*8}}u, {{CHUNKS-1}}u);
//% end
//% for g in 0..GROUPS
//% for r in 0..4
  let slot{{g}}_{{r}} = ({{g*DOWN}}u + down) * 4u + {{r}}u;
  let i{{g}}_{{r}} = first + slot{{g}}_{{r}};
//% if CACHED
  let last{{g}}_{{r}} = min(past + i{{g}}_{{r}}, {{POSITIONS-1}}u);
//% else
  let last{{g}}_{{r}} = i{{g}}_{{r}};
//% end
  var largest{{g}}_{{r}} = -3.0e38;
  var total{{g}}_{{r}} = 0.0;
//% for n in 0..COLUMNS
  var o{{g}}_{{r}}_{{n}} = vec4f(0.0);
//% end
//% end
//% end

  for (var j = 0u; j < end; j += 32u) {
//% for n in 0..LOADS
    if (in{{n}} < {{CHUNKS}}u) {
//% for r in 0..4
      streamTile[in{{n}} * 8u + ((across + {{r*8}}u) >> 2u)][across & 3u] =
        load_{{KEY_NAME}}(keyBase + min(j + across + {{r*8}}u, end - 1u) * {{KEY_ROW}}u, in{{n}});
//% end
    }
//% end
    workgroupBarrier();
//% for g in 0..GROUPS
//% for r in 0..4
    var s{{g}}_{{r}} = vec4f(0.0);
//% end
//% end
    for (var c = 0u; c < {{CHUNKS}}u; c += {{UNROLL}}u) {
//% for u in 0..UNROLL
      {
        let k = streamTile[(c + {{u}}u) * 8u + across];
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
    s{{g}}_{{r}} = select(vec4f(-3.0e38), s{{g}}_{{r}}, position <= vec4u(last{{g}}_{{r}}));
    partial[slot{{g}}_{{r}}][across] = max(max(s{{g}}_{{r}}.x, s{{g}}_{{r}}.y), max(s{{g}}_{{r}}.z, s{{g}}_{{r}}.w));
//% end
//% end
    workgroupBarrier();
//% for n in 0..LOADS
    if (in{{n}} < {{CHUNKS}}u) {
//% for r in 0..4
      streamTile[((across + {{r*8}}u) >> 2u) * {{CHUNKS}}u + in{{n}}][across & 3u] =
        load_{{VALUE_NAME}}(valueBase + min(j + across + {{r*8}}u, end - 1u) * {{KEY_ROW}}u, in{{n}});
//% end
    }
//% end
//% for g in 0..GROUPS
//% for r in 0..4
    let all{{g}}_{{r}} = partial[slot{{g}}_{{r}}];
    let next{{g}}_{{r}} = max(largest{{g}}_{{r}}, max(
      max(max(all{{g}}_{{r}}[0], all{{g}}_{{r}}[1]), max(all{{g}}_{{r}}[2], all{{g}}_{{r}}[3])),
      max(max(all{{g}}_{{r}}[4], all{{g}}_{{r}}[5]), max(all{{g}}_{{r}}[6], all{{g}}_{{r}}[7]))));
    let shrink{{g}}_{{r}} = exp2(largest{{g}}_{{r}} - next{{g}}_{{r}});
    largest{{g}}_{{r}} = next{{g}}_{{r}};
    var p{{g}}_{{r}} = exp2(s{{g}}_{{r}} - next{{g}}_{{r}});
    total{{g}}_{{r}} = fma(total{{g}}_{{r}}, shrink{{g}}_{{r}},
      (p{{g}}_{{r}}.x + p{{g}}_{{r}}.y) + (p{{g}}_{{r}}.z + p{{g}}_{{r}}.w));
//% if DROPOUT
    let word{{g}}_{{r}} = i{{g}}_{{r}} * {{HALF_SEQUENCE}}u + (position.x >> 1u);
    let bits{{g}}_{{r}} = vec4u(threefry(key, vec2u(word{{g}}_{{r}}, counter)),
      threefry(key, vec2u(word{{g}}_{{r}} + 1u, counter)));
    p{{g}}_{{r}} = select(vec4f(0.0), p{{g}}_{{r}}, bits{{g}}_{{r}} >= vec4u({{THRESHOLD}}u));
//% end
    shareTile[across * {{DOWN*GROUPS}}u + {{g*DOWN}}u + down][{{r}}] = p{{g}}_{{r}};
//% for n in 0..COLUMNS
    o{{g}}_{{r}}_{{n}} *= shrink{{g}}_{{r}};
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
        let v{{n}} = streamTile[(four + {{u}}u) * {{CHUNKS}}u + chunk{{n}}];
//% for g in 0..GROUPS
//% for r in 0..4
        o{{g}}_{{r}}_{{n}} = weigh(p{{g}}[{{r}}], v{{n}}, o{{g}}_{{r}}_{{n}});
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
  partial[slot{{g}}_{{r}}][across] = total{{g}}_{{r}};
//% end
//% end
  workgroupBarrier();
//% for g in 0..GROUPS
//% for r in 0..4
  if (i{{g}}_{{r}} < {{SEQUENCE}}u) {
    let all = partial[slot{{g}}_{{r}}];
    let total = ((all[0] + all[1]) + (all[2] + all[3])) + ((all[4] + all[5]) + (all[6] + all[7]));
    let share = {{KEEP_SCALE}} / total;
    let to = {{OUT_BASE}}u + (group.z * {{SEQUENCE}}u + i{{g}}_{{r}}) * {{OUT_ROW}}u + group.y * {{HEAD}}u;
//% for n in 0..COLUMNS
    if (across + {{n*8}}u < {{CHUNKS}}u) {
      store_out(to, chunk{{n}}, o{{g}}_{{r}}_{{n}} * share);
    }
//% end
//% if !CACHED
    if (across == 0u) {
      lse[{{LSE_BASE}}u + (group.z * {{HEADS}}u + group.y) * {{SEQUENCE}}u + i{{g}}_{{r}}] =
        (largest{{g}}_{{r}} + log2(total)) * 0.6931471805599453;
    }
//% end
  }
//% end
//% end
}

// Causal attention, one invocation per query and head: out = softmax(q kᵀ / √D) v, forward.
// In: qkv (B·S, 3C), with CACHED: keys and values (B, H, P, D) and start (B). Out: out (B·S, C), lse (B, H, S).
// Grid (query tiles, heads, sequences); {{LANES}} invocations with {{PER_LANE}} queries each, in registers with their sums: what a
// software adapter likes, where a load costs as much as a dozen multiply-adds and shared memory is no faster.
// Online softmax (Milakov & Gimelshein 2018), in powers of two. Each invocation sums alone, in the order of the keys: the
// same bits in every run.

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

@compute @workgroup_size({{LANES}})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first = ({{TILES-1}}u - group.x) * {{LANES*PER_LANE}}u;
  let row = {{QKV_BASE}}u + group.z * {{SEQUENCE*QKV_ROW}}u + group.y * {{HEAD}}u;
//% if CACHED
  let past = min(start[{{FIRST_SEQUENCE}}u + group.z], {{POSITIONS}}u);
  let keyBase = {{CACHE_BASE}}u + (group.z * {{HEADS}}u + group.y) * {{POSITIONS*HEAD}}u;
  let valueBase = keyBase;
  let end = min(past + min(first + {{LANES*PER_LANE}}u, {{SEQUENCE}}u), {{POSITIONS}}u);
//% else
  let keyBase = row + {{OUT_ROW}}u;
  let valueBase = row + {{OUT_ROW*2}}u;
  let end = min(first + {{LANES*PER_LANE}}u, {{SEQUENCE}}u);
//% end
//% if DROPOUT
  let key = vec2u(seed[0], seed[1]);
  let counter = words[0] | (({{FIRST_SEQUENCE}}u + group.z) * {{HEADS}}u + group.y);
//% end
//% for q in 0..PER_LANE
  let i{{q}} = first + {{q*LANES}}u + lane;
  let at{{q}} = min(i{{q}}, {{SEQUENCE-1}}u);
//% if CACHED
  let last{{q}} = min(past + at{{q}}, {{POSITIONS-1}}u);
//% else
  let last{{q}} = at{{q}};
//% end
  var largest{{q}} = -3.0e38;
  var total{{q}} = 0.0;
//% for d in 0..CHUNKS
  let q{{q}}_{{d}} = load_qkv(row + at{{q}} * {{QKV_ROW}}u, {{d}}u) * {{SCALE}};
  var o{{q}}_{{d}} = vec4f(0.0);
//% end
//% end
  for (var j = 0u; j < end; j++) {
//% for q in 0..PER_LANE
    var dot{{q}} = vec4f(0.0);
//% end
//% for d in 0..CHUNKS
    let k{{d}} = load_{{KEY_NAME}}(keyBase + j * {{KEY_ROW}}u, {{d}}u);
//% for q in 0..PER_LANE
    dot{{q}} = fma(q{{q}}_{{d}}, k{{d}}, dot{{q}});
//% end
//% end
//% for q in 0..PER_LANE
    let s{{q}} = select(-3.0e38, (dot{{q}}.x + dot{{q}}.y) + (dot{{q}}.z + dot{{q}}.w), j <= last{{q}});
    let next{{q}} = max(largest{{q}}, s{{q}});
    let shrink{{q}} = exp2(largest{{q}} - next{{q}});
    var p{{q}} = exp2(s{{q}} - next{{q}});
    largest{{q}} = next{{q}};
    total{{q}} = fma(total{{q}}, shrink{{q}}, p{{q}});
//% if DROPOUT
    let bits{{q}} = threefry(key, vec2u(at{{q}} * {{HALF_SEQUENCE}}u + (j >> 1u), counter));
    p{{q}} = select(0.0, p{{q}}, select(bits{{q}}.x, bits{{q}}.y, (j & 1u) == 1u) >= {{THRESHOLD}}u);
//% end
//% end
//% for d in 0..CHUNKS
    let v{{d}} = load_{{VALUE_NAME}}(valueBase + j * {{KEY_ROW}}u, {{d}}u);
//% for q in 0..PER_LANE
    o{{q}}_{{d}} = fma(vec4f(p{{q}}), v{{d}}, o{{q}}_{{d}} * shrink{{q}});
//% end
//% end
  }
//% for q in 0..PER_LANE
  if (i{{q}} < {{SEQUENCE}}u) {
    let to = {{OUT_BASE}}u + (group.z * {{SEQUENCE}}u + i{{q}}) * {{OUT_ROW}}u + group.y * {{HEAD}}u;
    let share = {{KEEP_SCALE}} / total{{q}};
//% for d in 0..CHUNKS
    store_out(to, {{d}}u, o{{q}}_{{d}} * share);
//% end
//% if !CACHED
    lse[{{LSE_BASE}}u + (group.z * {{HEADS}}u + group.y) * {{SEQUENCE}}u + i{{q}}] =
      (largest{{q}} + log2(total{{q}})) * 0.6931471805599453;
//% end
  }
//% end
}

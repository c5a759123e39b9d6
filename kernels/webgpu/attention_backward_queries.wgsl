// Backward of causal attention, first pass, one invocation per query and head: dq and delta = Σ dout · out.
// In: qkv (B·S, 3C), out and dout (B·S, C), lse (B, H, S). Out: the q third of dqkv (B·S, 3C), delta (B, H, S).
// Grid (query tiles, heads, sequences); {{LANES}} invocations with {{PER_LANE}} queries each; every lane of a workgroup reads
// the same key and value. Probabilities come from lse (Dao et al. 2022). Fixed order of sums.

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

@compute @workgroup_size({{LANES}})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first = ({{TILES-1}}u - group.x) * {{LANES*PER_LANE}}u;
  let row = {{QKV_BASE}}u + group.z * {{SEQUENCE*QKV_ROW}}u + group.y * {{HEAD}}u;
  let outRow = {{OUT_BASE}}u + group.z * {{SEQUENCE*OUT_ROW}}u + group.y * {{HEAD}}u;
  let lseRow = (group.z * {{HEADS}}u + group.y) * {{SEQUENCE}}u;
  let end = min(first + {{LANES*PER_LANE}}u, {{SEQUENCE}}u);
//% if DROPOUT
  let key = vec2u(seed[0], seed[1]);
  let counter = words[0] | (({{FIRST_SEQUENCE}}u + group.z) * {{HEADS}}u + group.y);
//% end
//% for q in 0..PER_LANE
  let i{{q}} = first + {{q*LANES}}u + lane;
  let at{{q}} = min(i{{q}}, {{SEQUENCE-1}}u);
  let lse{{q}} = lse[{{LSE_BASE}}u + lseRow + at{{q}}] * 1.4426950408889634;
  var sum{{q}} = vec4f(0.0);
//% for d in 0..CHUNKS
  let q{{q}}_{{d}} = load_qkv(row + at{{q}} * {{QKV_ROW}}u, {{d}}u) * {{SCALE}};
  let g{{q}}_{{d}} = load_dout(outRow + at{{q}} * {{OUT_ROW}}u, {{d}}u);
  sum{{q}} = fma(g{{q}}_{{d}}, load_out(outRow + at{{q}} * {{OUT_ROW}}u, {{d}}u), sum{{q}});
  var dq{{q}}_{{d}} = vec4f(0.0);
//% end
  let delta{{q}} = (sum{{q}}.x + sum{{q}}.y) + (sum{{q}}.z + sum{{q}}.w);
//% end
  for (var j = 0u; j < end; j++) {
    let keyAt = row + j * {{QKV_ROW}}u;
//% for q in 0..PER_LANE
    var s{{q}} = vec4f(0.0);
    var e{{q}} = vec4f(0.0);
//% end
//% for d in 0..CHUNKS
    let k{{d}} = load_qkv(keyAt + {{OUT_ROW}}u, {{d}}u);
    let v{{d}} = load_qkv(keyAt + {{OUT_ROW*2}}u, {{d}}u);
//% for q in 0..PER_LANE
    s{{q}} = fma(q{{q}}_{{d}}, k{{d}}, s{{q}});
    e{{q}} = fma(g{{q}}_{{d}}, v{{d}}, e{{q}});
//% end
//% end
//% for q in 0..PER_LANE
    let p{{q}} = select(0.0, exp2((s{{q}}.x + s{{q}}.y) + (s{{q}}.z + s{{q}}.w) - lse{{q}}), j <= at{{q}});
    var dp{{q}} = (e{{q}}.x + e{{q}}.y) + (e{{q}}.z + e{{q}}.w);
//% if DROPOUT
    let bits{{q}} = threefry(key, vec2u(at{{q}} * {{HALF_SEQUENCE}}u + (j >> 1u), counter));
    dp{{q}} *= select(0.0, {{KEEP_SCALE}}, select(bits{{q}}.x, bits{{q}}.y, (j & 1u) == 1u) >= {{THRESHOLD}}u);
//% end
    let ds{{q}} = vec4f(p{{q}} * (dp{{q}} - delta{{q}}));
//% for d in 0..CHUNKS
    dq{{q}}_{{d}} = fma(ds{{q}}, k{{d}}, dq{{q}}_{{d}});
//% end
//% end
  }
//% for q in 0..PER_LANE
  if (i{{q}} < {{SEQUENCE}}u) {
//% for d in 0..CHUNKS
    store_dqkv(row + i{{q}} * {{QKV_ROW}}u, {{d}}u, dq{{q}}_{{d}} * {{ROOT}});
//% end
    delta[{{DELTA_BASE}}u + lseRow + i{{q}}] = delta{{q}};
  }
//% end
}

// Backward of causal attention, first pass, one invocation per query and head: dq and delta = Σ dout · out.
// In: qkv (B·S, 3C), out and dout (B·S, C), lse (B, H, S). Out: the q third of dqkv (B·S, 3C), delta (B, H, S).
// Grid (query tiles, heads, sequences); {{LANES}} invocations with {{QUERIES}} queries each; every lane of a workgroup reads
// the same key and value. Probabilities come from lse (Dao et al. 2022). Fixed order of sums.

@group(0) @binding(0) var<storage, read_write> qkv: array<{{ELEMENT}}>;
@group(0) @binding(1) var<storage, read_write> out: array<{{ELEMENT}}>;
@group(0) @binding(2) var<storage, read_write> dout: array<{{ELEMENT}}>;
@group(0) @binding(3) var<storage, read_write> lse: array<f32>;
@group(0) @binding(4) var<storage, read_write> dqkv: array<{{ELEMENT}}>;
@group(0) @binding(5) var<storage, read_write> delta: array<f32>;
//% if DROPOUT
@group(0) @binding(6) var<storage, read_write> seed: array<u32>;
//% end

{{ACCESS}}

@compute @workgroup_size({{LANES}})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first = ({{TILES-1}}u - group.x) * {{LANES*QUERIES}}u;
  let row = {{QKV_BASE}}u + group.z * {{SEQUENCE*QKV_ROW}}u + group.y * {{HEAD}}u;
  let outRow = {{OUT_BASE}}u + group.z * {{SEQUENCE*OUT_ROW}}u + group.y * {{HEAD}}u;
  let lseRow = (group.z * {{HEADS}}u + group.y) * {{SEQUENCE}}u;
  let end = min(first + {{LANES*QUERIES}}u, {{SEQUENCE}}u);
//% if DROPOUT
  let key = vec2u(seed[0], seed[1]);
  let counter = {{STREAM}}u | (({{FIRST_SEQUENCE}}u + group.z) * {{HEADS}}u + group.y);
//% end
//% for q in 0..QUERIES
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
  for (var j = 0u; j < end; j += {{KEYS}}u) {
//% if DROPOUT
//% for q in 0..QUERIES
//% for k in 0..HALF_KEYS
    let bits{{q}}_{{k}} = threefry(key, vec2u(at{{q}} * {{HALF_SEQUENCE}}u + (j >> 1u) + {{k}}u, counter));
    let keep{{q}}_{{k*2}} = select(0.0, {{KEEP_SCALE}}, bits{{q}}_{{k}}.x >= {{THRESHOLD}}u);
    let keep{{q}}_{{k*2+1}} = select(0.0, {{KEEP_SCALE}}, bits{{q}}_{{k}}.y >= {{THRESHOLD}}u);
//% end
//% end
//% end
//% for k in 0..KEYS
    let from{{k}} = row + min(j + {{k}}u, end - 1u) * {{QKV_ROW}}u;
//% for q in 0..QUERIES
    var s{{q}}_{{k}} = vec4f(0.0);
    var e{{q}}_{{k}} = vec4f(0.0);
//% end
//% for d in 0..CHUNKS
    let k{{k}}_{{d}} = load_qkv(from{{k}} + {{OUT_ROW}}u, {{d}}u);
    let v{{k}}_{{d}} = load_qkv(from{{k}} + {{OUT_ROW*2}}u, {{d}}u);
//% for q in 0..QUERIES
    s{{q}}_{{k}} = fma(q{{q}}_{{d}}, k{{k}}_{{d}}, s{{q}}_{{k}});
    e{{q}}_{{k}} = fma(g{{q}}_{{d}}, v{{k}}_{{d}}, e{{q}}_{{k}});
//% end
//% end
//% for q in 0..QUERIES
    let p{{q}}_{{k}} = select(0.0,
      exp2((s{{q}}_{{k}}.x + s{{q}}_{{k}}.y) + (s{{q}}_{{k}}.z + s{{q}}_{{k}}.w) - lse{{q}}), j + {{k}}u <= at{{q}});
    var dp{{q}}_{{k}} = (e{{q}}_{{k}}.x + e{{q}}_{{k}}.y) + (e{{q}}_{{k}}.z + e{{q}}_{{k}}.w);
//% if DROPOUT
    dp{{q}}_{{k}} *= keep{{q}}_{{k}};
//% end
    let ds{{q}}_{{k}} = vec4f(p{{q}}_{{k}} * (dp{{q}}_{{k}} - delta{{q}}));
//% for d in 0..CHUNKS
    dq{{q}}_{{d}} = fma(ds{{q}}_{{k}}, k{{k}}_{{d}}, dq{{q}}_{{d}});
//% end
//% end
//% end
  }
//% for q in 0..QUERIES
  if (i{{q}} < {{SEQUENCE}}u) {
//% for d in 0..CHUNKS
    store_dqkv(row + i{{q}} * {{QKV_ROW}}u, {{d}}u, dq{{q}}_{{d}} * {{ROOT}});
//% end
    delta[{{DELTA_BASE}}u + lseRow + i{{q}}] = delta{{q}};
  }
//% end
}

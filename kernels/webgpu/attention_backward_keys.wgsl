// Backward of causal attention, second pass, one invocation per key and head: dk and dv.
// In: qkv (B·S, 3C), dout (B·S, C), lse and delta (B, H, S). Out: the k and v thirds of dqkv (B·S, 3C).
// Grid (key tiles, heads, sequences); {{LANES}} invocations with {{PER_LANE}} neighbouring keys each; every lane of a workgroup
// reads the same query and gradient row. Probabilities come from lse (Dao et al. 2022). No atomics, fixed order of sums.

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

@compute @workgroup_size({{LANES}})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first = group.x * {{LANES*PER_LANE}}u;
  let row = {{QKV_BASE}}u + group.z * {{SEQUENCE*QKV_ROW}}u + group.y * {{HEAD}}u;
  let outRow = {{OUT_BASE}}u + group.z * {{SEQUENCE*OUT_ROW}}u + group.y * {{HEAD}}u;
  let lseRow = (group.z * {{HEADS}}u + group.y) * {{SEQUENCE}}u;
//% if DROPOUT
  let key = vec2u(seed[0], seed[1]);
  let counter = words[0] | (({{FIRST_SEQUENCE}}u + group.z) * {{HEADS}}u + group.y);
//% end
//% for k in 0..PER_LANE
  let j{{k}} = first + lane * {{PER_LANE}}u + {{k}}u;
  let from{{k}} = row + min(j{{k}}, {{SEQUENCE-1}}u) * {{QKV_ROW}}u;
//% for d in 0..CHUNKS
  let k{{k}}_{{d}} = load_qkv(from{{k}} + {{OUT_ROW}}u, {{d}}u) * {{SCALE}};
  let v{{k}}_{{d}} = load_qkv(from{{k}} + {{OUT_ROW*2}}u, {{d}}u);
  var dk{{k}}_{{d}} = vec4f(0.0);
  var dv{{k}}_{{d}} = vec4f(0.0);
//% end
//% end
  for (var i = first; i < {{SEQUENCE}}u; i++) {
    let lseI = lse[{{LSE_BASE}}u + lseRow + i] * 1.4426950408889634;
    let deltaI = delta[{{DELTA_BASE}}u + lseRow + i];
    let at = row + i * {{QKV_ROW}}u;
    let outAt = outRow + i * {{OUT_ROW}}u;
//% if DROPOUT
//% for k in 0..PER_LANE
    let bits{{k}} = threefry(key, vec2u(i * {{HALF_SEQUENCE}}u + (j{{k}} >> 1u), counter));
    let keep{{k}} = select(0.0, {{KEEP_SCALE}}, select(bits{{k}}.x, bits{{k}}.y, (j{{k}} & 1u) == 1u) >= {{THRESHOLD}}u);
//% end
//% end
//% for k in 0..PER_LANE
    var s{{k}} = vec4f(0.0);
    var e{{k}} = vec4f(0.0);
//% end
//% for d in 0..CHUNKS
    let q{{d}} = load_qkv(at, {{d}}u);
    let g{{d}} = load_dout(outAt, {{d}}u);
//% for k in 0..PER_LANE
    s{{k}} = fma(q{{d}}, k{{k}}_{{d}}, s{{k}});
    e{{k}} = fma(g{{d}}, v{{k}}_{{d}}, e{{k}});
//% end
//% end
//% for k in 0..PER_LANE
    let p{{k}} = select(0.0, exp2((s{{k}}.x + s{{k}}.y) + (s{{k}}.z + s{{k}}.w) - lseI), j{{k}} <= i);
    let dp{{k}} = (e{{k}}.x + e{{k}}.y) + (e{{k}}.z + e{{k}}.w);
//% if DROPOUT
    let pv{{k}} = vec4f(p{{k}} * keep{{k}});
    let ds{{k}} = vec4f(p{{k}} * (dp{{k}} * keep{{k}} - deltaI));
//% else
    let pv{{k}} = vec4f(p{{k}});
    let ds{{k}} = vec4f(p{{k}} * (dp{{k}} - deltaI));
//% end
//% for d in 0..CHUNKS
    dk{{k}}_{{d}} = fma(ds{{k}}, q{{d}}, dk{{k}}_{{d}});
    dv{{k}}_{{d}} = fma(pv{{k}}, g{{d}}, dv{{k}}_{{d}});
//% end
//% end
  }
//% for k in 0..PER_LANE
  if (j{{k}} < {{SEQUENCE}}u) {
//% for d in 0..CHUNKS
    store_dqkv(from{{k}} + {{OUT_ROW}}u, {{d}}u, dk{{k}}_{{d}} * {{ROOT}});
    store_dqkv(from{{k}} + {{OUT_ROW*2}}u, {{d}}u, dv{{k}}_{{d}});
//% end
  }
//% end
}

// out = dropout(x) (+ residual): element e is kept where word e & 1 of threefry(seed, (e >> 1, words[0])) is at least
// THRESHOLD, and scaled by SCALE = 1 / (1 − rate).
//
// in:  x f32 (COUNT), residual f32 (COUNT) where RESIDUAL, seed u32 (2), words u32 (1): the stream << 20
// out: out f32 (COUNT)
// grid: one invocation 4 elements, 256 a workgroup. FIRST is the number of the range's first element, a multiple of 4.
// VECTORS: whole vec4f accesses; else elements one by one, where the size is not a multiple of 4.

{{RANDOM}}

//% if VECTORS
alias Element = vec4f;
//% else
alias Element = f32;
//% end
@group(0) @binding(0) var<storage, read_write> seed: array<u32>;
@group(0) @binding(1) var<storage, read_write> x: array<Element>;
@group(0) @binding(2) var<storage, read_write> out: array<Element>;
//% if RESIDUAL
@group(0) @binding(3) var<storage, read_write> residual: array<Element>;
//% end
@group(0) @binding({{WORDS_BINDING}}) var<storage, read_write> words: array<u32>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= {{COUNT}}u) {
    return;
  }
  let key = vec2u(seed[0], seed[1]);
  let pair = ({{FIRST}}u >> 1u) + 2u * i;
  let bits = vec4u(threefry(key, vec2u(pair, words[0])), threefry(key, vec2u(pair + 1u, words[0])));
  let kept = bits >= vec4u({{THRESHOLD}}u);
//% if VECTORS
  var y = select(vec4f(0f), x[{{X_SKIP}}u + i] * {{SCALE}}, kept);
//% if RESIDUAL
  y += residual[{{RESIDUAL_SKIP}}u + i];
//% end
  out[{{OUT_SKIP}}u + i] = y;
//% else
//% for j in 0..4
  if (4u * i + {{j}}u < {{ELEMENTS}}u) {
    var y = select(0f, x[{{X_SKIP}}u + 4u * i + {{j}}u] * {{SCALE}}, kept[{{j}}]);
//% if RESIDUAL
    y += residual[{{RESIDUAL_SKIP}}u + 4u * i + {{j}}u];
//% end
    out[{{OUT_SKIP}}u + 4u * i + {{j}}u] = y;
  }
//% end
//% end
}

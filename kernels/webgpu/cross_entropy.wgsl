// losses = log Σ exp(logits) − logits[target] by row; with GRADIENT, logits = (softmax − onehot) · SCALE. One pass finds the
// maximum and the sum together, rescaling the sum whenever the maximum grows (online softmax, Milakov & Gimelshein 2018).
//
// in:  logits f32 (ROWS, V), targets u32 (ROWS), IGNORED where the row does not count
// out: losses f32 (ROWS); logits, overwritten with GRADIENT
// grid: one workgroup of LANES, a power of two, a row. WIDTH = V in vectors (VECTOR = vec4f, or f32 where V is not a multiple of 4).
// Deterministic: fixed strides, then a tree over lanes. LOWEST stands for −∞; NaN and ∞ make the loss NaN.

const IGNORED = 0xffffffffu;
const LOWEST = -3.4028234e38f;

@group(0) @binding(0) var<storage, read_write> logits: array<{{VECTOR}}>;
@group(0) @binding(1) var<storage, read_write> targets: array<u32>;
@group(0) @binding(2) var<storage, read_write> losses: array<f32>;

// Maximum and sum of exp(logit − maximum) by lane.
var<workgroup> parts: array<vec2f, {{LANES}}>;
var<workgroup> wanted: u32;

@compute @workgroup_size({{LANES}})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= {{ROWS}}u) {
    return;
  }
  if (lane == 0u) {
    wanted = targets[{{TARGETS_SKIP}}u + row];
  }
  let goal = workgroupUniformLoad(&wanted);
  let first = {{LOGITS_SKIP}}u + row * {{WIDTH}}u;
  if (goal == IGNORED) {
//% if GRADIENT
    for (var i = lane; i < {{WIDTH}}u; i += {{LANES}}u) {
      logits[first + i] = {{VECTOR}}(0f);
    }
//% end
    if (lane == 0u) {
      losses[{{LOSSES_SKIP}}u + row] = 0f;
    }
    return;
  }
  var largest = LOWEST;
  var sum = 0f;
  for (var i = lane; i < {{WIDTH}}u; i += {{LANES}}u) {
    let l = logits[first + i];
//% if VECTORS
    let top = max(max(l.x, l.y), max(l.z, l.w));
//% else
    let top = l;
//% end
    if (top > largest) {
      sum *= exp(largest - top);
      largest = top;
    }
    let e = exp(l - largest);
//% if VECTORS
    sum += (e.x + e.y) + (e.z + e.w);
//% else
    sum += e;
//% end
  }
  parts[lane] = vec2f(largest, sum);
  for (var step = {{LANES}}u >> 1u; step > 0u; step >>= 1u) {
    workgroupBarrier();
    if (lane < step) {
      let a = parts[lane];
      let b = parts[lane + step];
      let top = max(a.x, b.x);
      parts[lane] = vec2f(top, a.y * exp(a.x - top) + b.y * exp(b.x - top));
    }
  }
  workgroupBarrier();
  let total = parts[0];
  if (lane == 0u) {
//% if VECTORS
    let chosen = logits[first + (goal >> 2u)][goal & 3u];
//% else
    let chosen = logits[first + goal];
//% end
    losses[{{LOSSES_SKIP}}u + row] = log(total.y) + (total.x - chosen);
  }
//% if GRADIENT
  storageBarrier();
  workgroupBarrier();
  let scale = {{SCALE}} / total.y;
  for (var i = lane; i < {{WIDTH}}u; i += {{LANES}}u) {
    var d = exp(logits[first + i] - total.x) * scale;
//% if VECTORS
    let mine = vec4u(goal) == vec4u(4u * i) + vec4u(0u, 1u, 2u, 3u);
    d -= select(vec4f(0f), vec4f({{SCALE}}), mine);
//% else
    d -= select(0f, {{SCALE}}, goal == i);
//% end
    logits[first + i] = d;
  }
//% end
}

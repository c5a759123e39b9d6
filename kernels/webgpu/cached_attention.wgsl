// Decode: attention of single new rows over the key and value cache, split over positions.
// In: qkv (B·S, 3C), keys and values (B, H, P, D), start (B). Out: out (B·S, C).
// Grid (rows, heads, sequences), {{THREADS}} invocations for one row of one head, {{BLOCK}} positions at a time: an invocation scores
// every {{THREADS}}th position, then adds up 4 columns of every {{SPLITS}}th value. Sums over invocations are taken in a fixed tree or
// in order, and blocks are joined by online softmax (Milakov & Gimelshein 2018): the same bits in every run.

@group(0) @binding(0) var<storage, read_write> qkv: array<{{ELEMENT}}>;
@group(0) @binding(1) var<storage, read_write> out: array<{{ELEMENT}}>;
@group(0) @binding(2) var<storage, read_write> keys: array<{{ELEMENT}}>;
@group(0) @binding(3) var<storage, read_write> values: array<{{ELEMENT}}>;
@group(0) @binding(4) var<storage, read_write> start: array<u32>;

{{ACCESS}}

var<workgroup> cached: u32;
var<workgroup> query: array<vec4f, {{CHUNKS}}>;
var<workgroup> scores: array<f32, {{BLOCK}}>;
var<workgroup> partial: array<f32, {{THREADS}}>;
var<workgroup> sums: array<vec4f, {{THREADS}}>;

@compute @workgroup_size({{THREADS}})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  if (lane == 0u) {
    cached = min(start[{{FIRST_SEQUENCE}}u + group.z], {{POSITIONS}}u);
  }
  if (lane < {{CHUNKS}}u) {
    let row = {{QKV_BASE}}u + (group.z * {{SEQUENCE}}u + group.x) * {{QKV_ROW}}u + group.y * {{HEAD}}u;
    query[lane] = load_qkv(row, lane) * {{SCALE}};
  }
  let end = min(workgroupUniformLoad(&cached) + group.x + 1u, {{POSITIONS}}u);
  let base = {{CACHE_BASE}}u + (group.z * {{HEADS}}u + group.y) * {{POSITIONS*HEAD}}u;
  let split = lane / {{CHUNKS}}u;
  let column = lane - split * {{CHUNKS}}u;
  var largest = -3.0e38;
  var total = 0.0;
  var o = vec4f(0.0);

  for (var block = 0u; block < end; block += {{BLOCK}}u) {
    let stop = min(block + {{BLOCK}}u, end);
    var most = -3.0e38;
    for (var j = block + lane; j < stop; j += {{THREADS}}u) {
      var dots = vec4f(0.0);
//% for d in 0..CHUNKS
      dots = fma(query[{{d}}], load_keys(base + j * {{HEAD}}u, {{d}}u), dots);
//% end
      let score = (dots.x + dots.y) + (dots.z + dots.w);
      scores[j - block] = score;
      most = max(most, score);
    }
    partial[lane] = most;
    workgroupBarrier();
    for (var half = {{THREADS}}u >> 1u; half > 0u; half >>= 1u) {
      if (lane < half) {
        partial[lane] = max(partial[lane], partial[lane + half]);
      }
      workgroupBarrier();
    }
    let next = max(largest, partial[0]);
    let shrink = exp2(largest - next);
    largest = next;
    workgroupBarrier();
    var sum = 0.0;
    for (var j = block + lane; j < stop; j += {{THREADS}}u) {
      let p = exp2(scores[j - block] - next);
      scores[j - block] = p;
      sum += p;
    }
    partial[lane] = sum;
    workgroupBarrier();
    for (var half = {{THREADS}}u >> 1u; half > 0u; half >>= 1u) {
      if (lane < half) {
        partial[lane] += partial[lane + half];
      }
      workgroupBarrier();
    }
    total = fma(total, shrink, partial[0]);
    o *= shrink;
    if (split < {{SPLITS}}u) {
      for (var j = block + split; j < stop; j += {{SPLITS*4}}u) {
//% for u in 0..4
        let j{{u}} = min(j + {{SPLITS*u}}u, stop - 1u);
        let p{{u}} = select(0.0, scores[j{{u}} - block], j + {{SPLITS*u}}u < stop);
        let v{{u}} = load_values(base + j{{u}} * {{HEAD}}u, column);
//% end
//% for u in 0..4
        o = fma(vec4f(p{{u}}), v{{u}}, o);
//% end
      }
    }
    workgroupBarrier();
  }

  sums[lane] = o;
  workgroupBarrier();
  if (lane < {{CHUNKS}}u) {
    var all = sums[lane];
    for (var s = 1u; s < {{SPLITS}}u; s++) {
      all += sums[s * {{CHUNKS}}u + lane];
    }
    let to = {{OUT_BASE}}u + (group.z * {{SEQUENCE}}u + group.x) * {{OUT_ROW}}u + group.y * {{HEAD}}u;
    store_out(to, lane, all / total);
  }
}

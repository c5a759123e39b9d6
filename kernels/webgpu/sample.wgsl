// Picks the next token of every sequence and moves its state on; the rules stand in src/program/op.ts. Nothing is sorted: the
// top-k threshold is found by radix selection over the ordered bits of the values (four histograms of 8 bits), the top-p
// threshold by bisection over the bits of the probabilities, two bits a pass; the draw walks the ids in order.
//
// in:  logits f32 (B, V), settings f32 (8), seed u32 (2), sequence u32 (B)
// out: seen u32 (B, V), tokens, positions, count, finished u32 (B), score f32 (B), generated u32 (B, G), all updated
// scratch: work f32 (B, V), rows WORK_ROW apart: the values after penalty and temperature, then their probabilities
// grid: one workgroup of 256 a sequence. Deterministic: sums in fixed strides and trees; the only atomics count integers.
// LOWEST stands for −∞.

{{RANDOM}}

const LOWEST = -3.4028234e38f;
const NONE = 0xffffffffu;

@group(0) @binding(0) var<storage, read_write> logits: array<f32>;
@group(0) @binding(1) var<storage, read_write> settings: array<f32>;
@group(0) @binding(2) var<storage, read_write> seed: array<u32>;
@group(0) @binding(3) var<storage, read_write> sequence: array<u32>;
@group(0) @binding(4) var<storage, read_write> seen: array<u32>;
@group(0) @binding(5) var<storage, read_write> tokens: array<u32>;
@group(0) @binding(6) var<storage, read_write> positions: array<u32>;
@group(0) @binding(7) var<storage, read_write> count: array<u32>;
@group(0) @binding(8) var<storage, read_write> finished: array<u32>;
@group(0) @binding(9) var<storage, read_write> score: array<f32>;
@group(0) @binding(10) var<storage, read_write> generated: array<u32>;
@group(0) @binding(11) var<storage, read_write> work: array<f32>;

struct Settings {
  greedy: f32,
  temperature: f32,
  topK: f32,
  topP: f32,
  penalty: f32,
  minNew: f32,
  maxNew: f32,
  eos: f32,
  finished: u32,
  count: u32,
}

var<workgroup> shared_settings: Settings;
var<workgroup> floats: array<f32, 256>;
var<workgroup> words: array<u32, 256>;
var<workgroup> masses: array<vec3f, 256>;
var<workgroup> histogram: array<atomic<u32>, 256>;
var<workgroup> found: vec2u;
var<workgroup> before: f32;

// Unsigned integers in the order of the floats; both zeros are equal.
fn ordered(value: f32) -> u32 {
  let bits = select(bitcast<u32>(value), 0u, value == 0f);
  return select(bits | 0x80000000u, ~bits, (bits >> 31u) == 1u);
}

fn largest(value: u32, lane: u32) -> u32 {
  words[lane] = value;
  for (var step = 128u; step > 0u; step >>= 1u) {
    workgroupBarrier();
    if (lane < step) {
      words[lane] = max(words[lane], words[lane + step]);
    }
  }
  workgroupBarrier();
  let result = words[0];
  workgroupBarrier();
  return result;
}

fn largestFloat(value: f32, lane: u32) -> f32 {
  floats[lane] = value;
  for (var step = 128u; step > 0u; step >>= 1u) {
    workgroupBarrier();
    if (lane < step) {
      floats[lane] = max(floats[lane], floats[lane + step]);
    }
  }
  workgroupBarrier();
  let result = floats[0];
  workgroupBarrier();
  return result;
}

fn total(value: vec3f, lane: u32) -> vec3f {
  masses[lane] = value;
  for (var step = 128u; step > 0u; step >>= 1u) {
    workgroupBarrier();
    if (lane < step) {
      masses[lane] += masses[lane + step];
    }
  }
  workgroupBarrier();
  let result = masses[0];
  workgroupBarrier();
  return result;
}

// The ordered bits of the wanted-th largest value of the row.
fn topThreshold(row: u32, wanted: u32, lane: u32) -> u32 {
  var prefix = 0u;
  var mask = 0u;
  var left = wanted;
  for (var pass_ = 0u; pass_ < 4u; pass_++) {
    let shift = 24u - 8u * pass_;
    atomicStore(&histogram[lane], 0u);
    workgroupBarrier();
    for (var id = lane; id < {{VOCABULARY}}u; id += 256u) {
      let bits = ordered(work[row + id]);
      if ((bits & mask) == prefix) {
        atomicAdd(&histogram[(bits >> shift) & 255u], 1u);
      }
    }
    workgroupBarrier();
    if (lane == 0u) {
      var bin = 255u;
      for (; bin > 0u; bin--) {
        let held = atomicLoad(&histogram[bin]);
        if (left <= held) {
          break;
        }
        left -= held;
      }
      found = vec2u(bin, left);
    }
    let chosen = workgroupUniformLoad(&found);
    prefix |= chosen.x << shift;
    mask |= 255u << shift;
    left = chosen.y;
  }
  return prefix;
}

// The largest bits t such that the probabilities of at least t add up to `wanted`.
fn massThreshold(row: u32, wanted: f32, lane: u32) -> u32 {
  var threshold = 0u;
  for (var pass_ = 0u; pass_ < 15u; pass_++) {
    let shift = 28u - 2u * pass_;
    let tries = vec3u(threshold) | (vec3u(1u, 2u, 3u) << vec3u(shift));
    var mass = vec3f(0f);
    for (var id = lane; id < {{VOCABULARY}}u; id += 256u) {
      let p = work[row + id];
      mass += select(vec3f(0f), vec3f(p), vec3u(bitcast<u32>(p)) >= tries);
    }
    let sums = total(mass, lane);
    let reached = (sums >= vec3f(wanted)) & (sums > vec3f(0f));
    threshold = select(select(select(threshold, tries.x, reached.x), tries.y, reached.y), tries.z, reached.z);
  }
  return threshold;
}

// Inverse transform in id order over the probabilities with at least `threshold` bits: each lane sums a run of BLOCK ids.
fn draw(row: u32, threshold: u32, uniform_: f32, lane: u32) -> u32 {
  let first = lane * {{BLOCK}}u;
  let end = min(first + {{BLOCK}}u, {{VOCABULARY}}u);
  var mass = 0f;
  for (var id = first; id < end; id++) {
    let p = work[row + id];
    mass += select(0f, p, bitcast<u32>(p) >= threshold);
  }
  floats[lane] = mass;
  workgroupBarrier();
  if (lane == 0u) {
    var all = 0f;
    for (var i = 0u; i < 256u; i++) {
      all += floats[i];
    }
    let goal = uniform_ * all;
    var sum = 0f;
    var owner = 0u;
    before = 0f;
    for (var i = 0u; i < 256u; i++) {
      if (floats[i] > 0f) {
        owner = i;
        before = sum;
      }
      sum += floats[i];
      if (sum > goal) {
        break;
      }
    }
    found = vec2u(owner, bitcast<u32>(goal));
  }
  let choice = workgroupUniformLoad(&found);
  if (lane == choice.x) {
    let goal = bitcast<f32>(choice.y);
    var sum = before;
    var token = 0u;
    for (var id = first; id < end; id++) {
      let p = work[row + id];
      if (p > 0f && bitcast<u32>(p) >= threshold) {
        token = id;
        sum += p;
        if (sum > goal) {
          break;
        }
      }
    }
    words[0] = token;
  }
  workgroupBarrier();
  return words[0];
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let local = group.y * groups.x + group.x;
  if (local >= {{ROWS}}u) {
    return;
  }
  let b = {{FIRST_ROW}}u + local;
  if (lane == 0u) {
    shared_settings = Settings(
      settings[0], settings[1], settings[2], settings[3], settings[4], settings[5], settings[6], settings[7],
      finished[b], count[b],
    );
  }
  let config = workgroupUniformLoad(&shared_settings);
  if (config.finished != 0u) {
    return;
  }
  let greedy = config.greedy != 0f;
  let inLogits = {{LOGITS_SKIP}}u + local * {{VOCABULARY}}u;
  let inSeen = {{SEEN_SKIP}}u + local * {{VOCABULARY}}u;
  let row = local * {{WORK_ROW}}u;
  let forbidden = select(NONE, u32(max(config.eos, 0f)), config.eos >= 0f && f32(config.count) < config.minNew);

  // The values to choose from, the best of them, and the log-sum-exp of the untouched logits.
  var rawTop = LOWEST;
  var rawSum = 0f;
  var bestBits = 0u;
  var bestId = NONE;
  var bestValue = LOWEST;
  for (var id = lane; id < {{VOCABULARY}}u; id += 256u) {
    let raw = logits[inLogits + id];
    if (raw > rawTop) {
      rawSum *= exp(rawTop - raw);
      rawTop = raw;
    }
    rawSum += exp(raw - rawTop);
    var l = raw;
    if (seen[inSeen + id] != 0u) {
      l = select(l * config.penalty, l / config.penalty, l > 0f);
    }
    if (id == forbidden) {
      l = LOWEST;
    } else if (!greedy) {
      l = l / config.temperature;
    }
    work[row + id] = l;
    let bits = ordered(l);
    if (bits > bestBits) {
      bestBits = bits;
      bestId = id;
      bestValue = l;
    }
  }
  let top = largestFloat(rawTop, lane);
  let sum = total(vec3f(rawSum * exp(rawTop - top), 0f, 0f), lane).x;
  let lse = top + log(sum);
  storageBarrier();

  var token = 0u;
  if (greedy) {
    let best = largest(bestBits, lane);
    token = NONE - largest(select(0u, NONE - bestId, bestBits == best), lane);
  } else {
    let peak = largestFloat(bestValue, lane);
    var least = 0u;
    if (config.topK >= 1f && config.topK < f32({{VOCABULARY}}u)) {
      least = topThreshold(row, u32(config.topK), lane);
    }
    var mass = 0f;
    for (var id = lane; id < {{VOCABULARY}}u; id += 256u) {
      let l = work[row + id];
      let p = select(0f, exp(l - peak), ordered(l) >= least);
      work[row + id] = p;
      mass += p;
    }
    let all = total(vec3f(mass, 0f, 0f), lane).x;
    storageBarrier();
    var threshold = 0u;
    if (config.topP < 1f) {
      threshold = massThreshold(row, config.topP * all, lane);
    }
    let bits = threefry(vec2u(seed[0], seed[1]), vec2u(config.count, sequence[b])).x;
    token = draw(row, threshold, f32(bits) * 2.3283064365386963e-10f, lane);
  }

  if (lane == 0u) {
    score[b] += logits[inLogits + token] - lse;
    let written = config.count + 1u;
    if (config.count < {{CAPACITY}}u) {
      generated[b * {{CAPACITY}}u + config.count] = token;
    }
    seen[inSeen + token] = 1u;
    tokens[b] = token;
    count[b] = written;
    let position = positions[b] + 1u;
    positions[b] = position;
    if (config.eos >= 0f && token == u32(config.eos)) {
      finished[b] = 1u;
    } else if (f32(written) >= config.maxNew || position >= {{POSITIONS}}u) {
      finished[b] = 2u;
    }
  }
}

/**
 * Picks the next token of a sequence and moves its state on; the rules stand in src/program/op.ts. An item is a sequence. Nothing
 * is sorted: thresholds are found by radix selection (sample_select.ts), and where top-k is given, what it keeps is compacted, so
 * that the rest of the work is on a few values. Sums of probabilities are f64, in id order.
 *
 * A NaN among the logits is never picked and makes the score NaN; +∞ takes all of the probability.
 */
import { exp4, log1 } from "./math";
import { thresholdOf } from "./sample_select";

/** Probabilities that the draw adds up at once. */
const RUN: u32 = 1024;

/** The first word of Threefry-2x32 with 13 rounds: threefry() of src/program/random.ts. */
function randomWord(key0: u32, key1: u32, counter0: u32, counter1: u32): u32 {
  const parity = 0x1bd11bda ^ key0 ^ key1;
  let x = counter0 + key0;
  let y = counter1 + key1;
  for (let round: u32 = 0; round < 13; round++) {
    x += y;
    // Rotations 13, 15, 26, 6, 17, 29, 16, 24, a byte each.
    y = rotl<u32>(y, <u32>(0x18101d11061a0f0d >> ((round & 7) << 3)) & 31) ^ x;
    if ((round & 3) == 3) {
      const injection = (round >> 2) + 1;
      x += injection == 1 ? key1 : injection == 2 ? parity : key0;
      y += (injection == 1 ? parity : injection == 2 ? key0 : key1) + injection;
    }
  }
  return x;
}

// @ts-ignore: decorator
@inline
function largestLane(x: v128): f32 {
  const pairs = f32x4.pmax(x, i32x4.shuffle(x, x, 2, 3, 0, 1));
  return f32x4.extract_lane(f32x4.pmax(pairs, i32x4.shuffle(pairs, pairs, 1, 0, 3, 2)), 0);
}

/** The largest value that is not NaN; −∞ where there is none. */
function largest(x: usize, count: u32): f32 {
  let most = f32x4.splat(-Infinity);
  let other = most;
  const end = x + (<usize>count << 2);
  for (; x + 32 <= end; x += 32) {
    most = f32x4.pmax(most, v128.load(x));
    other = f32x4.pmax(other, v128.load(x, 16));
  }
  for (; x < end; x += 4) most = f32x4.pmax(most, v128.load32_splat(x));
  return largestLane(f32x4.pmax(most, other));
}

// @ts-ignore: decorator
@inline
function lowPair(x: v128): v128 {
  return f64x2.promote_low_f32x4(x);
}

// @ts-ignore: decorator
@inline
function highPair(x: v128): v128 {
  return f64x2.promote_low_f32x4(i32x4.shuffle(x, x, 2, 3, 2, 3));
}

/** log Σ eˣ. */
function logSumExp(x: usize, count: u32): f32 {
  const top = largest(x, count);
  const shift = f32x4.splat(top);
  const end = x + (<usize>count << 2);
  let low = f64x2.splat(0);
  let high = low;
  for (; x + 16 <= end; x += 16) {
    const e = exp4(f32x4.sub(v128.load(x), shift));
    low = f64x2.add(low, lowPair(e));
    high = f64x2.add(high, highPair(e));
  }
  const sums = f64x2.add(low, high);
  let sum = f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1);
  for (; x < end; x += 4) sum += <f64>f32x4.extract_lane(exp4(f32x4.sub(v128.load32_splat(x), shift)), 0);
  return top + log1(<f32>sum);
}

// @ts-ignore: decorator
@inline
function adjusted(logits: v128, seen: v128, penalise: bool, penalty: v128, temperature: v128): v128 {
  let l = logits;
  if (penalise) {
    const punished = v128.bitselect(f32x4.div(l, penalty), f32x4.mul(l, penalty), f32x4.gt(l, f32x4.splat(0)));
    l = v128.bitselect(l, punished, i32x4.eq(seen, i32x4.splat(0)));
  }
  l = f32x4.div(l, temperature);
  return v128.bitselect(l, f32x4.splat(-Infinity), f32x4.eq(l, l));
}

/** values = logits after penalty and temperature, −∞ instead of NaN. */
function adjust(values: usize, logits: usize, seen: usize, count: u32, penalty: f32, temperature: f32): void {
  const penalties = f32x4.splat(penalty);
  const temperatures = f32x4.splat(temperature);
  const penalise = penalty != 1;
  const vectorBytes = <usize>(count & ~3) << 2;
  const bytes = <usize>count << 2;
  let i: usize = 0;
  for (; i < vectorBytes; i += 16) {
    const l = v128.load(logits + i);
    v128.store(values + i, adjusted(l, v128.load(seen + i), penalise, penalties, temperatures));
  }
  for (; i < bytes; i += 4) {
    const l = v128.load32_zero(logits + i);
    const value = adjusted(l, v128.load32_zero(seen + i), penalise, penalties, temperatures);
    v128.store32_lane(values + i, value, 0);
  }
}

/** The first place of a value that occurs. */
function find(values: usize, value: f32): u32 {
  let i: usize = values;
  while (load<f32>(i) != value) i += 4;
  return <u32>((i - values) >> 2);
}

/** Keeps values of at least `threshold`, with their ids; returns how many there are. */
function compact(values: usize, ids: usize, count: u32, threshold: f32): u32 {
  const thresholds = f32x4.splat(threshold);
  let kept: usize = 0;
  let id: u32 = 0;
  while (id < count) {
    if (id + 4 <= count && !v128.any_true(f32x4.ge(v128.load(values + (<usize>id << 2)), thresholds))) {
      id += 4;
      continue;
    }
    for (const end = min(id + 4, count); id < end; id++) {
      const value = load<f32>(values + (<usize>id << 2));
      if (value >= threshold) {
        store<f32>(values + kept, value);
        store<u32>(ids + kept, id);
        kept += 4;
      }
    }
  }
  return <u32>(kept >> 2);
}

/** weights = exp(values − top), 1 where they are equal (∞ too). All are readable and writable up to a multiple of 4. */
function weigh(weights: usize, values: usize, count: u32, top: f32): void {
  const tops = f32x4.splat(top);
  const one = f32x4.splat(1);
  const bytes = <usize>count << 2;
  for (let i: usize = 0; i < bytes; i += 16) {
    const value = v128.load(values + i);
    v128.store(weights + i, v128.bitselect(one, exp4(f32x4.sub(value, tops)), f32x4.eq(value, tops)));
  }
}

/** Weights of values below a threshold become 0. */
function cut(weights: usize, values: usize, count: u32, threshold: f32): void {
  const thresholds = f32x4.splat(threshold);
  const bytes = <usize>count << 2;
  for (let i: usize = 0; i < bytes; i += 16) {
    v128.store(weights + i, v128.and(v128.load(weights + i), f32x4.ge(v128.load(values + i), thresholds)));
  }
}

function massOf(weights: usize, count: u32): f64 {
  let low = f64x2.splat(0);
  let high = low;
  const end = weights + (<usize>count << 2);
  for (; weights + 16 <= end; weights += 16) {
    const w = v128.load(weights);
    low = f64x2.add(low, lowPair(w));
    high = f64x2.add(high, highPair(w));
  }
  const sums = f64x2.add(low, high);
  let sum = f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1);
  for (; weights < end; weights += 4) sum += <f64>load<f32>(weights);
  return sum;
}

function totalMass(weights: usize, count: u32): f64 {
  let total: f64 = 0;
  for (let first: u32 = 0; first < count; first += RUN) {
    total += massOf(weights + (<usize>first << 2), min(RUN, count - first));
  }
  return total;
}

/** Inverse transform: the first place where the sum of the weights is above `part` (in [0, 1)) of the whole. */
function draw(weights: usize, count: u32, part: f64): u32 {
  const target = part * totalMass(weights, count);
  let before: f64 = 0;
  let chosen: u32 = 0;
  for (let first: u32 = 0; first < count; first += RUN) {
    const length = min(RUN, count - first);
    const mass = massOf(weights + (<usize>first << 2), length);
    if (before + mass <= target) {
      before += mass;
      continue;
    }
    for (let i = first; i < first + length; i++) {
      const weight = <f64>load<f32>(weights + (<usize>i << 2));
      if (weight == 0) continue;
      chosen = i;
      before += weight;
      if (before > target) break;
    }
    break;
  }
  return chosen;
}

/** Draws from what temperature, top-k and top-p leave. */
function choose(values: usize, ids: usize, weights: usize, count: u32, topK: f32, topP: f32, part: f64): u32 {
  let kept = count;
  if (topK >= 1 && topK < <f32>count) kept = compact(values, ids, count, thresholdOf(values, 0, count, Math.floor(topK)));
  weigh(weights, values, kept, largest(values, kept));
  if (topP < 1) cut(weights, values, kept, thresholdOf(values, weights, kept, <f64>topP * totalMass(weights, kept)));
  const place = draw(weights, kept, part);
  return kept < count ? load<u32>(ids + (<usize>place << 2)) : place;
}

/**
 * args: logits (B, V), settings (8), seed u32 (2), sequence u32 (B), seen u32 (B, V), tokens, positions, count, finished u32 (B),
 * score (B), generated u32 (B, G), V, G, P, scratch (B, 3, R), R = V up to a multiple of 4.
 */
export function sample(args: usize, b: u32): void {
  const at = <usize>b << 2;
  const finished = load<usize>(args, 32) + at;
  if (load<u32>(finished)) return;
  const settings = load<usize>(args, 4);
  const greedy = load<f32>(settings) != 0;
  const vocabulary = load<u32>(args, 44);
  const logits = load<usize>(args) + at * vocabulary;
  const seen = load<usize>(args, 16) + at * vocabulary;
  const rowBytes = <usize>load<u32>(args, 60) << 2;
  const values = load<usize>(args, 56) + 3 * rowBytes * b;
  const counter = load<usize>(args, 28) + at;
  const count = load<u32>(counter);
  const eos = load<f32>(settings, 28);

  adjust(values, logits, seen, vocabulary, load<f32>(settings, 16), greedy ? 1 : load<f32>(settings, 4));
  if (eos >= 0 && eos < <f32>vocabulary && <f32>count < load<f32>(settings, 20)) {
    store<f32>(values + (<usize><u32>eos << 2), -Infinity);
  }
  let token: u32;
  if (greedy) {
    token = find(values, largest(values, vocabulary));
  } else {
    const seed = load<usize>(args, 8);
    const word = randomWord(load<u32>(seed), load<u32>(seed, 4), count, load<u32>(load<usize>(args, 12) + at));
    const ids = values + rowBytes;
    const part = <f64>word / 4294967296;
    token = choose(values, ids, ids + rowBytes, vocabulary, load<f32>(settings, 8), load<f32>(settings, 12), part);
  }

  const score = load<usize>(args, 36) + at;
  store<f32>(score, load<f32>(score) + (load<f32>(logits + (<usize>token << 2)) - logSumExp(logits, vocabulary)));
  const capacity = load<u32>(args, 48);
  if (count < capacity) store<u32>(load<usize>(args, 40) + ((<usize>b * capacity + count) << 2), token);
  store<u32>(seen + (<usize>token << 2), 1);
  store<u32>(load<usize>(args, 20) + at, token);
  store<u32>(counter, count + 1);
  const place = load<usize>(args, 24) + at;
  const position = load<u32>(place) + 1;
  store<u32>(place, position);
  if (eos >= 0 && token == <u32>eos) store<u32>(finished, 1);
  else if (<f32>(count + 1) >= load<f32>(settings, 24) || position >= load<u32>(args, 52)) store<u32>(finished, 2);
}

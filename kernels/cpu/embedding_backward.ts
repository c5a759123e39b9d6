/**
 * dwte[token] += Σ dout of the rows with that token; dwpe[s] += Σ dout over the sequences. Without atomics and in a fixed order,
 * also where one token fills most rows: `order` (row numbers sorted by token) is cut into blocks of BLOCK entries. What a token
 * has within one block is added to dwte at once; a token that goes on into other blocks leaves a sum for each block, and those
 * are added in order by a second call.
 *
 * embeddingTokens: an item for every block. embeddingTokensFinish: an item for every block and strip of columns.
 * embeddingPositions: an item for every group of positions.
 */

const BLOCK: u32 = 64;
const STRIP: usize = 1024;

// @ts-ignore: decorator
@inline
function add(out: usize, x: usize, bytes: usize): void {
  const vectorBytes = bytes & ~15;
  let c: usize = 0;
  for (; c < vectorBytes; c += 16) v128.store(out + c, f32x4.add(v128.load(out + c), v128.load(x + c)));
  for (; c < bytes; c += 4) store<f32>(out + c, load<f32>(out + c) + load<f32>(x + c));
}

// @ts-ignore: decorator
@inline
function addFour(out: usize, a: usize, b: usize, c: usize, d: usize, bytes: usize): void {
  const vectorBytes = bytes & ~15;
  let i: usize = 0;
  for (; i < vectorBytes; i += 16) {
    const left = f32x4.add(v128.load(a + i), v128.load(b + i));
    const right = f32x4.add(v128.load(c + i), v128.load(d + i));
    v128.store(out + i, f32x4.add(v128.load(out + i), f32x4.add(left, right)));
  }
  for (; i < bytes; i += 4) {
    const sum = load<f32>(a + i) + load<f32>(b + i) + (load<f32>(c + i) + load<f32>(d + i));
    store<f32>(out + i, load<f32>(out + i) + sum);
  }
}

/** The token of an entry of `order`. */
// @ts-ignore: decorator
@inline
function tokenAt(tokens: usize, order: usize, entry: u32): u32 {
  return load<u32>(tokens + (<usize>load<u32>(order + (<usize>entry << 2)) << 2));
}

/** Adds the rows of entries first … end − 1 to `out`, four at a time. */
function addEntries(out: usize, dout: usize, order: usize, first: u32, end: u32, bytes: usize): void {
  let at = order + (<usize>first << 2);
  const last = order + (<usize>end << 2);
  for (; at + 16 <= last; at += 16) {
    const a = dout + load<u32>(at) * bytes;
    const b = dout + load<u32>(at, 4) * bytes;
    const c = dout + load<u32>(at, 8) * bytes;
    const d = dout + load<u32>(at, 12) * bytes;
    addFour(out, a, b, c, d, bytes);
  }
  for (; at < last; at += 4) add(out, dout + load<u32>(at) * bytes, bytes);
}

/**
 * partial holds two rows for every block: the sum of a token that came in from the block before, and of one that begins here and
 * goes on. args: tokens u32 (N), order u32 (N), dout (N, C), dwte (V, C), partial (blocks, 2, C), N, C, V.
 */
export function embeddingTokens(args: usize, block: u32): void {
  const tokens = load<usize>(args);
  const order = load<usize>(args, 4);
  const dout = load<usize>(args, 8);
  const rows = load<u32>(args, 20);
  const bytes = <usize>load<u32>(args, 24) << 2;
  const first = block * BLOCK;
  const end = min(first + BLOCK, rows);
  const partial = load<usize>(args, 16) + 2 * block * bytes;
  for (let from = first; from < end;) {
    const token = tokenAt(tokens, order, from);
    let to = from + 1;
    while (to < end && tokenAt(tokens, order, to) == token) to++;
    const comesIn = from == first && from > 0 && tokenAt(tokens, order, from - 1) == token;
    const goesOn = to == end && to < rows && tokenAt(tokens, order, to) == token;
    if (comesIn || goesOn) {
      const out = comesIn ? partial : partial + bytes;
      memory.fill(out, 0, bytes);
      addEntries(out, dout, order, from, to, bytes);
    } else if (token < load<u32>(args, 28)) {
      addEntries(load<usize>(args, 12) + token * bytes, dout, order, from, to, bytes);
    }
    from = to;
  }
}

/** Finishes the token that begins in a block and goes on. args: as embeddingTokens, then blocks, strips. */
export function embeddingTokensFinish(args: usize, item: u32): void {
  const tokens = load<usize>(args);
  const order = load<usize>(args, 4);
  const rows = load<u32>(args, 20);
  const rowBytes = <usize>load<u32>(args, 24) << 2;
  const strips = load<u32>(args, 36);
  const first = (item / strips) * BLOCK;
  let end = first + BLOCK;
  if (end >= rows) return;
  const token = tokenAt(tokens, order, end - 1);
  if (token >= load<u32>(args, 28) || tokenAt(tokens, order, end) != token) return;
  // A token that came in belongs to the block where it began.
  if (first > 0 && tokenAt(tokens, order, first) == token && tokenAt(tokens, order, first - 1) == token) return;
  const skip = (item % strips) * STRIP;
  const bytes = min(STRIP, rowBytes - skip);
  const out = load<usize>(args, 12) + token * rowBytes + skip;
  let partial = load<usize>(args, 16) + 2 * (item / strips) * rowBytes + skip;
  add(out, partial + rowBytes, bytes);
  for (; end < rows && tokenAt(tokens, order, end) == token; end += BLOCK) {
    partial += 2 * rowBytes;
    add(out, partial, bytes);
  }
}

/** args: dout (N, C), dwpe (P, C), N, C, sequence, positionsPerItem. */
export function embeddingPositions(args: usize, item: u32): void {
  const dout = load<usize>(args);
  const rows = load<u32>(args, 8);
  const bytes = <usize>load<u32>(args, 12) << 2;
  const sequence = load<u32>(args, 16);
  const perItem = load<u32>(args, 20);
  const end = min((item + 1) * perItem, sequence);
  const stride = sequence * bytes;
  for (let position = item * perItem; position < end; position++) {
    const out = load<usize>(args, 4) + position * bytes;
    let x = dout + position * bytes;
    let left = rows / sequence;
    for (; left >= 4; left -= 4) {
      addFour(out, x, x + stride, x + 2 * stride, x + 3 * stride, bytes);
      x += 4 * stride;
    }
    for (; left > 0; left--) {
      add(out, x, bytes);
      x += stride;
    }
  }
}

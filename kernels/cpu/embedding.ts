/**
 * out[n] = wte[tokens[n]] + wpe[start[b] + s]; positions past the last row take the last row. An item is a group of rows.
 * A token outside of the vocabulary gives NaN.
 */

/**
 * args: tokens u32 (N), start u32 (B) or 0, wte (V, C), wpe (P, C), out (N, C), rows, sequence, vocabulary, positions, columns,
 * rowsPerItem.
 */
export function embedding(args: usize, item: u32): void {
  const tokens = load<usize>(args);
  const starts = load<usize>(args, 4);
  const sequence = load<u32>(args, 24);
  const vocabulary = load<u32>(args, 28);
  const lastPosition = load<u32>(args, 32) - 1;
  const bytes = <usize>load<u32>(args, 36) << 2;
  const rowsPerItem = load<u32>(args, 40);
  const first = item * rowsPerItem;
  const end = min(first + rowsPerItem, load<u32>(args, 20));
  const vectorBytes = bytes & ~15;
  for (let row = first; row < end; row++) {
    const out = load<usize>(args, 16) + row * bytes;
    const token = load<u32>(tokens + (<usize>row << 2));
    let position = row % sequence;
    if (starts) {
      const start = load<u32>(starts + (<usize>(row / sequence) << 2));
      position = start > lastPosition - min(position, lastPosition) ? lastPosition : start + position;
    }
    const place = load<usize>(args, 12) + min(position, lastPosition) * bytes;
    if (token >= vocabulary) {
      for (let c: usize = 0; c < bytes; c += 4) store<f32>(out + c, f32.NaN);
      continue;
    }
    const entry = load<usize>(args, 8) + token * bytes;
    let c: usize = 0;
    for (; c < vectorBytes; c += 16) v128.store(out + c, f32x4.add(v128.load(entry + c), v128.load(place + c)));
    for (; c < bytes; c += 4) store<f32>(out + c, load<f32>(entry + c) + load<f32>(place + c));
  }
}

/** Copies k and v of each row of qkv (B · S, 3C) into the caches (B, H, P, D) at position start[b] + s; rows past P are dropped. */
import { copyFloats } from "./attention_pack";

/** args: qkv, start, keys, values, sequence, heads, headSize, positions. An item is a sequence and head. */
export function cacheAppend(args: usize, item: u32): void {
  const sequence = load<u32>(args, 16);
  const heads = load<u32>(args, 20);
  const size = load<u32>(args, 24);
  const positions = load<u32>(args, 28);
  const batch = item / heads;
  const first = load<u32>(load<usize>(args, 4) + (batch << 2));
  if (first >= positions) return;
  const columns = <usize>heads * size << 2;
  const rowBytes = <usize>size << 2;
  let from = load<usize>(args) + <usize>batch * sequence * 3 * columns + (item % heads) * rowBytes + columns;
  const offset = (<usize>item * positions + first) * rowBytes;
  let key = load<usize>(args, 8) + offset;
  let value = load<usize>(args, 12) + offset;
  for (let rows = min(sequence, positions - first); rows > 0; rows--) {
    copyFloats(key, from, size);
    copyFloats(value, from + columns, size);
    from += 3 * columns;
    key += rowBytes;
    value += rowBytes;
  }
}

/** Causal attention, forward: out (N, C) and lse (B, H, S) from qkv (N, 3C). An item is a block of query rows of one head. */
import { attend } from "./attention_strips";

/**
 * args: qkv, out, lse, seed (0: no dropout), sequence, heads, headSize, batch · heads, queriesPerItem, keysPerBlock (multiples of 8),
 * scale, dropout threshold, dropout stream << 20, 1 / (1 − rate).
 * Items: blocks of queries · batch · heads, the last (longest) blocks first.
 */
export function attentionForward(args: usize, item: u32): void {
  const sequence = load<u32>(args, 16);
  const heads = load<u32>(args, 20);
  const size = load<u32>(args, 24);
  const batchHeads = load<u32>(args, 28);
  const queriesPerItem = load<u32>(args, 32);
  const head = item % batchHeads;
  const block = (sequence - 1) / queriesPerItem - item / batchHeads;
  const first = block * queriesPerItem;
  const columns = <usize>heads * size << 2;
  const within = <usize>(head % heads) * size << 2;
  const stride = 3 * columns;
  const row = <usize>(head / heads) * sequence;
  const k = load<usize>(args) + row * stride + within + columns;
  attend(
    k - columns + first * stride,
    stride,
    k,
    k + columns,
    stride,
    load<usize>(args, 4) + (row + first) * columns + within,
    columns,
    load<usize>(args, 8) + (<usize>head * sequence + first << 2),
    min(queriesPerItem, sequence - first),
    first,
    sequence,
    size,
    load<f32>(args, 40),
    load<u32>(args, 36),
    load<usize>(args, 12),
    head,
    load<u32>(args, 44),
    load<u32>(args, 48),
    load<f32>(args, 52),
  );
}

/**
 * Keys and hashes of pieces in the open-addressing tables of the encoder and of counting: a piece of up to 8 bytes is its own key, two
 * 32-bit words of which the masks keep the bytes that belong to it.
 */

export const LOW_MASK = Int32Array.from([0, 0xff, 0xffff, 0xffffff, -1, -1, -1, -1, -1]);
export const HIGH_MASK = Int32Array.from([0, 0, 0, 0, 0, 0xff, 0xffff, 0xffffff, -1]);

/** A hash of a piece's two key words and its length. */
export function hashWords(low: number, high: number, length: number): number {
  let hash = Math.imul(low, 0x9e3779b1) ^ Math.imul(high, 0x85ebca6b) ^ length;
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return hash ^ (hash >>> 13);
}

/** A hash over four bytes at a time; `length` is above 8. */
export function hashBytes(view: DataView, text: Uint8Array, start: number, length: number): number {
  let hash = length;
  let i = 0;
  for (; i + 4 <= length; i += 4) hash = Math.imul(hash ^ view.getInt32(start + i, true), 0x9e3779b1) ^ (hash >>> 15);
  for (; i < length; i++) hash = Math.imul(hash ^ text[start + i], 0x85ebca6b);
  return hash ^ (hash >>> 16);
}

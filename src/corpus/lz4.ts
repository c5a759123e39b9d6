/** LZ4 blocks without a frame around them, as parquet's codec LZ4_RAW has them. */

const MIN_MATCH = 4;

/**
 * What a block decodes to.
 * @param length The bytes that it must give, no fewer and no more.
 * @throws Error for a block that is damaged or of another length.
 */
export function decodeLz4Block(input: Uint8Array, length: number): Uint8Array {
  const output = new Uint8Array(length);
  let from = 0;
  let to = 0;
  const damaged = (what: string): Error => new Error(`damaged LZ4 block: ${what} at its byte ${from}`);
  /** A length of 15 goes on in bytes that are added up, as long as they are 255. */
  const wholeLength = (start: number): number => {
    let sum = start;
    for (let byte = start === 15 ? 255 : 0; byte === 255; sum += byte) {
      if (from >= input.length) throw damaged("a length without an end");
      byte = input[from++];
    }
    return sum;
  };
  while (from < input.length) {
    const token = input[from++];
    const literals = wholeLength(token >> 4);
    if (literals > input.length - from || literals > length - to) throw damaged(`${literals} bytes that do not fit`);
    output.set(input.subarray(from, from + literals), to);
    from += literals;
    to += literals;
    if (from === input.length) {
      // The last sequence has no match.
      if (to !== length || (token & 15) !== 0) throw damaged(`an end after ${to} of ${length} bytes`);
      return output;
    }
    if (input.length - from < 2) throw damaged("a match without a place");
    const distance = input[from] | (input[from + 1] << 8);
    from += 2;
    const match = wholeLength(token & 15) + MIN_MATCH;
    if (distance === 0 || distance > to || match > length - to) {
      throw damaged(`a match of ${match} bytes, ${distance} back from ${to} of ${length}`);
    }
    // What is repeated may be what the match itself gives: as much is copied at a time as is there.
    for (let left = match; left > 0;) {
      const count = Math.min(left, match - left + distance);
      output.copyWithin(to, to - (match - left) - distance, to - (match - left) - distance + count);
      to += count;
      left -= count;
    }
  }
  throw damaged("no last sequence");
}

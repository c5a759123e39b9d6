/** Texts on their way to be counted: many small ones, or one that is large, back to back in one buffer. */

/** Bytes behind the last text that may be read, so that a piece's first eight bytes are two words anywhere. */
const PADDING = 8;

export interface TextBatch {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** End of each text in `bytes`, `count` of them; the first starts at 0. */
  ends: Uint32Array<ArrayBuffer>;
  count: number;
}

/** Different pieces with their counts; piece i is `bytes[starts[i] .. starts[i + 1]]`. */
export interface CountedPieces {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Length: number of pieces + 1. */
  readonly starts: Uint32Array<ArrayBuffer>;
  readonly counts: Float64Array<ArrayBuffer>;
}

/** An empty batch for so many bytes of text. */
export function createBatch(capacity: number): TextBatch {
  return { bytes: new Uint8Array(capacity + PADDING), ends: new Uint32Array(256), count: 0 };
}

/** Bytes of text in a batch. */
export function batchLength(batch: TextBatch): number {
  return batch.count === 0 ? 0 : batch.ends[batch.count - 1];
}

/** Puts a text behind the others, if it fits. */
export function appendText(batch: TextBatch, text: Uint8Array): boolean {
  const start = batchLength(batch);
  const end = start + text.length;
  if (end + PADDING > batch.bytes.length) return false;
  if (batch.count === batch.ends.length) {
    const ends = new Uint32Array(batch.count * 2);
    ends.set(batch.ends);
    batch.ends = ends;
  }
  batch.bytes.set(text, start);
  batch.ends[batch.count++] = end;
  return true;
}

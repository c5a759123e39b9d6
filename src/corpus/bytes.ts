/**
 * Pull-based reading of a byte stream: peek, exact reads, and the current offset.
 *
 * Every container format here sits on a `ByteReader`. It holds one chunk of its source and whatever a caller asked to
 * see at once, so its memory is bounded by the largest `peek` or `read`. What `peek` and `chunk` return may be views of
 * buffers that are filled anew: read them before anything else is asked for, and do not write to them.
 */

/**
 * Chunks of bytes, in order. A chunk is good until the next one is asked for: sources fill one buffer again and again.
 * Leaving a `for await` loop early closes the source.
 */
export type ByteStream = AsyncIterable<Uint8Array>;

/** A source that writes what comes next where it is wanted. */
export interface ByteSource {
  /** Fills the beginning of `target`, which is not empty, and says how far: 0 only at the end. Not asked again after an error. */
  fill(target: Uint8Array): Promise<number>;
  /** Idempotent. */
  close(): void;
}

/** A byte stream with look-ahead. `offset` counts the bytes consumed, not those looked at. */
export interface ByteReader extends ByteStream {
  readonly offset: number;
  /** Up to `count` bytes without consuming them; fewer only at the end. */
  peek(count: number): Promise<Uint8Array>;
  /** `count` bytes in an array of their own; fewer only at the end. */
  read(count: number): Promise<Uint8Array<ArrayBuffer>>;
  /** The next bytes at hand, between 1 and `max` of them; null at the end. */
  chunk(max?: number): Promise<Uint8Array | null>;
  /** Fills `target` and says how many bytes there were; fewer only at the end, or where an error comes next. */
  fill(target: Uint8Array): Promise<number>;
  /** Consumes up to `count` bytes and says how many there were. */
  skip(count: number): Promise<number>;
  /** Closes the source. Idempotent. */
  close(): Promise<void>;
}

const EMPTY: Uint8Array<ArrayBuffer> = new Uint8Array(0);
/** What is asked of a source at once, where nobody says where the bytes are to go. */
const CHUNK_BYTES = 128 * 1024;

/** One array from several. A single part is returned as it is. */
export function concatBytes<Bytes extends Uint8Array>(parts: readonly Bytes[]): Bytes | Uint8Array<ArrayBuffer> {
  if (parts.length === 1) return parts[0];
  let length = 0;
  for (const part of parts) length += part.length;
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** All of a stream that gives no more than `size` bytes. */
export async function collect(stream: ByteStream, size: number): Promise<Uint8Array<ArrayBuffer>> {
  const all = new Uint8Array(size);
  let at = 0;
  for await (const chunk of stream) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all.subarray(0, at);
}

/** A reader over a stream or a source, starting at offset 0. */
export function createByteReader(input: ByteStream | ByteSource): ByteReader {
  const source = "fill" in input ? input : null;
  const chunks = source ? chunksOf(source) : (input as ByteStream)[Symbol.asyncIterator]();
  let held: Uint8Array = EMPTY;
  /** What comes after `held`: the rest of the source's last chunk, where some of it had to be put together with what was held. */
  let behind: Uint8Array = EMPTY;
  let offset = 0;
  let ended = false;
  /** What the input has failed with: nothing comes behind it. */
  let failure: { error: unknown } | null = null;

  /** An answer of the input, whose failure is kept. */
  async function kept<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      failure = { error };
      throw error;
    }
  }

  async function pull(): Promise<Uint8Array | null> {
    if (failure) throw failure.error;
    if (behind.length > 0) {
      const next = behind;
      behind = EMPTY;
      return next;
    }
    while (!ended) {
      const next = await kept(chunks.next());
      if (next.done) ended = true;
      else if (next.value.length > 0) return next.value;
    }
    return null;
  }

  function take(count: number): Uint8Array {
    const taken = held.subarray(0, count);
    held = held.subarray(count);
    offset += taken.length;
    return taken;
  }

  async function peek(count: number): Promise<Uint8Array> {
    if (held.length === 0) held = await pull() ?? EMPTY;
    if (held.length < count && !(ended && behind.length === 0)) {
      const parts = [held.slice()];
      let missing = count - held.length;
      while (missing > 0) {
        const next = await pull();
        if (next === null) break;
        parts.push(next.slice(0, missing));
        behind = next.subarray(missing);
        missing -= next.length;
      }
      held = concatBytes(parts);
    }
    return held.subarray(0, count);
  }

  async function chunk(max = Infinity): Promise<Uint8Array | null> {
    if (held.length === 0) {
      const next = await pull();
      if (next === null) return null;
      held = next;
    }
    return take(Math.min(max, held.length));
  }

  async function read(count: number): Promise<Uint8Array<ArrayBuffer>> {
    if (held.length >= count) return take(count).slice();
    const parts: Uint8Array<ArrayBuffer>[] = [];
    let missing = count;
    while (missing > 0) {
      const part = await chunk(missing);
      if (part === null) break;
      parts.push(part.slice());
      missing -= part.length;
    }
    return parts.length === 0 ? new Uint8Array(0) : concatBytes(parts);
  }

  /** Some bytes for a target, at least one but at the end: straight from a source where nothing is held. */
  async function fillSome(target: Uint8Array): Promise<number> {
    if (source !== null && held.length === 0 && behind.length === 0 && !ended) {
      const count = await kept(source.fill(target));
      offset += count;
      return count;
    }
    const part = await chunk(target.length);
    if (part === null) return 0;
    target.set(part);
    return part.length;
  }

  async function fill(target: Uint8Array): Promise<number> {
    if (failure) throw failure.error;
    let filled = 0;
    try {
      while (filled < target.length) {
        const count = await fillSome(target.subarray(filled));
        if (count === 0) break;
        filled += count;
      }
    } catch (error) {
      if (filled === 0) throw error; // else it comes next
    }
    return filled;
  }

  async function skip(count: number): Promise<number> {
    let missing = count;
    while (missing > 0) {
      const part = await chunk(missing);
      if (part === null) break;
      missing -= part.length;
    }
    return count - missing;
  }

  async function close(): Promise<void> {
    held = behind = EMPTY;
    source?.close();
    if (ended) return;
    ended = true;
    await chunks.return?.();
  }

  return {
    get offset() {
      return offset;
    },
    peek,
    read,
    chunk,
    fill,
    skip,
    close,
    async *[Symbol.asyncIterator]() {
      try {
        for (let part = await chunk(); part !== null; part = await chunk()) yield part;
      } finally {
        await close();
      }
    },
  };
}

/** The chunks of a source, in one buffer. */
async function* chunksOf(source: ByteSource): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(CHUNK_BYTES);
  for (;;) {
    const count = await source.fill(buffer);
    if (count === 0) return;
    yield buffer.subarray(0, count);
  }
}

/** Files and standard input as byte sources that count what has been read and stop at an abort signal. */
import { CodekilnError, FormatError, UserError } from "../errors.ts";
import type { ByteStream } from "./bytes.ts";
import type { RandomAccess } from "./zip.ts";

const CHUNK_BYTES = 256 * 1024;
const EMPTY: Uint8Array<ArrayBuffer> = new Uint8Array(0);

/** A file being read. Dispose it: what was not read of it then counts as dealt with. */
export interface InputFile extends RandomAccess {
  /** Bytes read so far, of those that count (no more than `size`). */
  readonly bytesRead: number;
  /** When its contents were last changed, milliseconds of Unix time; 0 where the system does not say. */
  readonly modified: number;
  /** The bytes from `offset` (default: the start), up to the size that the file had when it was opened. */
  stream(offset?: number): ByteStream;
  /** All of it at once, in place of a stream. @throws FormatError where there is less than its size. */
  bytes(): Promise<Uint8Array<ArrayBuffer>>;
  close(): void;
}

/** Called with the number of bytes just dealt with. */
export type ByteCounter = (bytes: number) => void;

/**
 * Opens a file that was named by itself. It may be a pipe, so nothing here waits without letting signals through.
 * @throws UserError where it is missing or may not be read.
 */
export async function openInputFile(path: string, count: ByteCounter, signal?: AbortSignal): Promise<InputFile> {
  signal?.throwIfAborted();
  const file = await openOrAbort(path, signal).catch((error) => {
    signal?.throwIfAborted();
    throw inputError(path, error);
  });
  return inputFile({ path, file, count, signal, sync: false });
}

/** Opens a file; a pipe that nobody writes to lets an open wait for ever, so an abort does not wait for it. */
function openOrAbort(path: string, signal?: AbortSignal): Promise<Deno.FsFile> {
  if (signal === undefined) return Deno.open(path);
  const { promise, resolve, reject } = Promise.withResolvers<Deno.FsFile>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  Deno.open(path).then((file) => {
    if (signal.aborted) file.close();
    else resolve(file);
  }, reject).finally(() => signal.removeEventListener("abort", onAbort));
  return promise;
}

/**
 * Opens a regular file of a folder, where there may be millions more: what is small is read synchronously, in a fraction of the time.
 * @param onRead Told of each such reading how many milliseconds it took.
 * @throws UserError where it is missing or may not be read.
 */
export function openFolderFile(
  path: string,
  count: ByteCounter,
  signal: AbortSignal | undefined,
  onRead: (milliseconds: number) => void,
): InputFile {
  signal?.throwIfAborted();
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path);
  } catch (error) {
    throw inputError(path, error);
  }
  return inputFile({ path, file, count, signal, sync: true, onRead });
}

interface Opened {
  path: string;
  file: Deno.FsFile;
  count: ByteCounter;
  signal: AbortSignal | undefined;
  /** Whether reading never has to wait for others. */
  sync: boolean;
  onRead?: (milliseconds: number) => void;
}

function inputFile({ path, file, count, signal, sync, onRead }: Opened): InputFile {
  let size: number;
  let modified: number;
  try {
    const stat = file.statSync();
    size = stat.size;
    modified = stat.mtime?.getTime() ?? 0;
  } catch (error) {
    file.close();
    throw inputError(path, error);
  }
  const readNow = sync && size <= CHUNK_BYTES;
  let counted = 0;
  const countUpTo = (bytes: number): void => {
    const news = Math.min(bytes, Math.max(0, size - counted));
    counted += news;
    count(news);
  };
  let position = 0;

  async function readSome(buffer: Uint8Array): Promise<number> {
    signal?.throwIfAborted();
    let bytes: number | null;
    try {
      if (readNow) {
        const begun = performance.now();
        bytes = file.readSync(buffer);
        onRead?.(performance.now() - begun);
      } else {
        bytes = await file.read(buffer);
      }
    } catch (error) {
      throw inputError(path, error);
    }
    position += bytes ?? 0;
    return bytes ?? 0;
  }

  const atEnd = (): boolean => position >= size;
  const chunkBytes = (): number => Math.min(CHUNK_BYTES, size - position);
  /** The reading that was begun last: nothing else may move the file's place before it is over. */
  let reading: Promise<Uint8Array> = Promise.resolve(EMPTY);
  /** Begins to read a chunk, into `buffer` where that has room. What is read is not counted yet. */
  function readAhead(buffer: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
    const bytes = chunkBytes();
    const room = buffer.length >= bytes ? buffer.subarray(0, bytes) : new Uint8Array(bytes);
    reading = readSome(room).then((read) => room.subarray(0, read));
    reading.catch(() => {}); // told when it is its turn
    return reading;
  }
  const settled = (): Promise<unknown> => reading.catch(() => {});
  let streamed = false;
  const becameShorter = (): FormatError =>
    new FormatError("the file became shorter while it was read", { where: path });
  async function readAt(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const buffer = new Uint8Array(Math.max(0, Math.min(length, size - offset)));
    await settled();
    if (position !== offset) position = await file.seek(offset, Deno.SeekMode.Start);
    let filled = 0;
    while (filled < buffer.length) {
      const bytes = await readSome(buffer.subarray(filled));
      countUpTo(bytes);
      if (bytes === 0) break;
      filled += bytes;
    }
    return buffer.subarray(0, filled);
  }

  return {
    size,
    get bytesRead() {
      return counted;
    },
    modified,
    async *stream(offset) {
      if (offset !== undefined && offset > 0) {
        await settled();
        countUpTo(offset - counted);
        position = await file.seek(offset, Deno.SeekMode.Start);
      }
      if (size === 0 && !sync) {
        // It may be a pipe, or a file that the kernel makes up while it is read.
        streamed = true;
        return yield* streamInput(file.readable, count, signal);
      }
      if (atEnd()) return;
      // While a chunk is worked on, the next one is read into the buffer of the one before.
      const buffers = [new Uint8Array(chunkBytes()), new Uint8Array(0)];
      let next = readAhead(buffers[0]);
      try {
        for (let turn = 1;; turn ^= 1) {
          const chunk = await next;
          countUpTo(chunk.length);
          if (chunk.length === 0) {
            if (position < size) throw becameShorter();
            return;
          }
          const last = atEnd();
          if (!last) {
            if (buffers[turn].length === 0) buffers[turn] = new Uint8Array(buffers[0].length);
            next = readAhead(buffers[turn]);
          }
          yield chunk;
          if (last) return;
        }
      } finally {
        await settled();
      }
    },
    readAt,
    async bytes() {
      const all = await readAt(0, size);
      if (all.length < size) throw becameShorter();
      return all;
    },
    close() {
      countUpTo(size - counted);
      if (!streamed) file.close(); // a stream closes its file by itself
    },
  };
}

/** Standard input (or any web stream) in chunks. An abort ends it even while it waits for data. */
export async function* streamInput(
  stream: ReadableStream<Uint8Array>,
  count: ByteCounter,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  // Cancelling ends a read that waits. (A race with a promise of the abort would keep every chunk alive: the promise remembers
  // all races that it was in.)
  const onAbort = (): void => void reader.cancel(signal?.reason).catch(() => {});
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { done, value } = await reader.read();
      signal?.throwIfAborted();
      if (done) return;
      count(value.length);
      yield value;
    }
  } finally {
    signal?.removeEventListener("abort", onAbort);
    reader.cancel().catch(() => {});
    reader.releaseLock();
  }
}

/** A failure of the file system in this project's words; anything else as it is. */
export function inputError(path: string, error: unknown): unknown {
  if (error instanceof Deno.errors.NotFound) {
    return new UserError("no such file or folder", { where: path, cause: error });
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return new UserError("may not be read", { where: path, hint: "check its permissions", cause: error });
  }
  if (error instanceof Error && !(error instanceof DOMException) && !(error instanceof CodekilnError)) {
    return new UserError(`cannot be read: ${error.message}`, { where: path, cause: error });
  }
  return error;
}

/**
 * Positioned reads of big files and their safe replacement: read exactly these bytes or fail with file and offset;
 * write beside the final name, then rename. Offsets are plain numbers, exact up to 2^53.
 */

import { CodekilnError, FormatError, UserError } from "./errors.ts";

/** A file open for reading at any offset. Close it, or declare it with `using`. */
export interface RandomAccessFile extends Disposable {
  readonly path: string;
  /** Bytes, as of the time it was opened. */
  readonly size: number;
  /**
   * Fills `out` with the bytes that start at `offset`.
   * @throws {FormatError} where the file ends before `out` is full.
   */
  readExactly(out: Uint8Array, offset: number): void;
  close(): void;
}

/**
 * Opens a file for positioned reads.
 * @param what What the file is to the user, for the message when it is missing: `token file`, `checkpoint`.
 * @throws {UserError} where there is no such file, or it cannot be read.
 */
export function openRandomAccess(path: string, what = "file"): RandomAccessFile {
  let file: Deno.FsFile;
  let size: number;
  try {
    file = Deno.openSync(path, { read: true });
  } catch (cause) {
    throw new UserError(`cannot open the ${what}: ${reason(cause)}`, { where: path, cause });
  }
  try {
    const stat = file.statSync();
    if (!stat.isFile) throw new UserError(`the ${what} is not a regular file`, { where: path });
    size = stat.size;
  } catch (error) {
    file.close();
    throw error;
  }
  let open = true;
  const close = () => {
    if (open) file.close();
    open = false;
  };
  return {
    path,
    size,
    readExactly(out, offset) {
      file.seekSync(offset, Deno.SeekMode.Start);
      let filled = 0;
      while (filled < out.length) {
        const count = file.readSync(out.subarray(filled));
        if (count === null || count === 0) {
          throw new FormatError(`the file ends ${out.length - filled} bytes too early`, {
            where: `${path}, byte ${offset + filled}`,
            expected: `${out.length} bytes from byte ${offset}`,
          });
        }
        filled += count;
      }
    },
    close,
    [Symbol.dispose]: close,
  };
}

/** Writes all of `bytes` at the file's current position. A full disk is a clear error. */
export function writeFully(file: Deno.FsFile, bytes: Uint8Array, path: string): void {
  try {
    let written = 0;
    while (written < bytes.length) written += file.writeSync(bytes.subarray(written));
  } catch (cause) {
    throw new CodekilnError(`cannot write: ${reason(cause)}`, { where: path, cause });
  }
}

/** Removes a file if it is there. */
export function removeIfPresent(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** The name under which a file is written until it is complete. */
export function partialName(path: string): string {
  return `${path}.partial`;
}

/** What the operating system said, without the error's class name. */
export function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Opens the files that a reading comes to, the next few of a folder ahead of time. */
import type { ReadContext } from "./content.ts";
import { countSkipped } from "./content.ts";
import { type FoundFile, type Skipped, walkFolder } from "./folder.ts";
import { inputError, type InputFile, openInputFile } from "./input.ts";
import { kindOfName } from "./kinds.ts";
import type { FileIdentity } from "./place.ts";

const PREFETCHED_FILES = 8;

/** A file to read; without `file`, one that is dealt with already. */
export interface OpenedFile {
  readonly identity: FileIdentity;
  readonly file: InputFile | null;
}

/** Opens a file, or, where it is to be passed over, only looks at it. */
export async function openWithIdentity(
  { report, signal }: ReadContext,
  path: string,
  passOver: boolean,
): Promise<OpenedFile> {
  const count = (bytes: number) => report.bytesRead += bytes;
  if (!passOver) {
    const file = await openInputFile(path, count, signal);
    return { identity: file, file };
  }
  try {
    const { size, mtime } = await Deno.stat(path);
    count(size);
    return { identity: { size, modified: mtime?.getTime() ?? 0 }, file: null };
  } catch (error) {
    throw inputError(path, error);
  }
}

/**
 * The files of a folder in order, the next few being opened and begun meanwhile. What the walk passes over is counted when the file
 * after it is given, so the counts at any file do not depend on how far ahead the walk is.
 * @param passOver Whether the file that comes so many files after the last one given is to be passed over.
 */
export async function* openFolderFiles(
  context: ReadContext,
  root: string,
  passOver: (ahead: number) => boolean,
): AsyncGenerator<OpenedFile & { found: FoundFile }> {
  const { report, signal } = context;
  let skipped: Skipped[] = [];
  const files = walkFolder(root, context.filter, (why) => skipped.push(why), signal);
  const open = async (path: string, pass: boolean): Promise<OpenedFile> => {
    const opened = await openWithIdentity(context, path, pass);
    try {
      const kind = kindOfName(path);
      if (kind !== "zip" && kind !== "parquet") await opened.file?.prefetch();
      return opened;
    } catch (error) {
      opened.file?.close();
      throw error;
    }
  };
  const queue: { found: FoundFile; skipped: Skipped[]; opening: Promise<OpenedFile> }[] = [];
  try {
    for (let walking = true; walking || queue.length > 0;) {
      while (walking && queue.length < PREFETCHED_FILES) {
        const next = await files.next();
        if (next.done) walking = false;
        else {
          const opening = open(next.value.path, passOver(queue.length));
          opening.catch(() => {});
          queue.push({ found: next.value, skipped, opening });
          skipped = [];
        }
      }
      const head = queue.shift();
      if (head === undefined) break;
      for (const why of head.skipped) countSkipped(report, why);
      yield { found: head.found, ...await head.opening };
    }
    for (const why of skipped) countSkipped(report, why);
  } finally {
    for (const { opening } of queue) await opening.then(({ file }) => file?.close(), () => {});
  }
}

/** Opens the files that a reading comes to. */
import type { ReadContext } from "./content.ts";
import { countSkipped } from "./content.ts";
import { type FoundFile, walkFolder } from "./folder.ts";
import { inputError, type InputFile, openFolderFile, openInputFile } from "./input.ts";
import type { FileIdentity } from "./place.ts";

/** A file to read; without `file`, one that is dealt with already. */
export interface OpenedFile {
  readonly identity: FileIdentity;
  readonly file: InputFile | null;
}

/** Opens a file that was named by itself, or, where it is to be passed over, only looks at it. */
export async function openNamedFile(context: ReadContext, path: string, passOver: boolean): Promise<OpenedFile> {
  if (passOver) return lookAt(context, path);
  const file = await openInputFile(path, (bytes) => context.report.bytesRead += bytes, context.signal);
  return { identity: file, file };
}

function lookAt({ report }: ReadContext, path: string): OpenedFile {
  try {
    const { size, mtime } = Deno.statSync(path);
    report.bytesRead += size;
    return { identity: { size, modified: mtime?.getTime() ?? 0 }, file: null };
  } catch (error) {
    throw inputError(path, error);
  }
}

/**
 * The files of a folder in order, each opened when it is asked for; null now and then where there are none for long. What the walk
 * passes over is counted when it comes by.
 * @param passOver Whether the next file is only to be looked at.
 */
export function* openFolderFiles(
  context: ReadContext,
  root: string,
  passOver: () => boolean,
): Generator<(OpenedFile & { found: FoundFile }) | null> {
  const { report, signal } = context;
  for (const found of walkFolder(root, context.filter, (why) => countSkipped(report, why), signal)) {
    if (found === null) {
      yield null;
      continue;
    }
    if (passOver()) {
      yield { found, ...lookAt(context, found.path) };
      continue;
    }
    const file = openFolderFile(found.path, (bytes) => report.bytesRead += bytes, signal);
    yield { found, identity: file, file };
  }
}

/**
 * The files of a folder, depth first, in the order of their names by UTF-16 code units, so that the order is the same
 * everywhere. Symbolic links are not followed (so there are no loops and nothing is read twice). Memory: the names of
 * one folder per level. Synchronous: on a local disk that costs a fifth of the time.
 */
import type { Filter, Verdict } from "./filter.ts";
import { inputError } from "./input.ts";

export interface FoundFile {
  /** As the file system knows it. */
  path: string;
  /** From the folder that was walked, with forward slashes. */
  relative: string;
}

/** Why an entry was passed over. */
export type Skipped = Exclude<Verdict, "take"> | "link" | "special";

/** Entries passed over without a file between them, after which a walk stops for a moment. */
const PASSED_OVER_AT_A_TIME = 256;

/**
 * Walks a folder. Gives null now and then where nothing is found for long, so that who waits can do other things.
 * @param onSkipped Told of every entry that is passed over.
 * @throws UserError where a folder may not be read.
 */
export function* walkFolder(
  root: string,
  filter: Filter,
  onSkipped: (why: Skipped) => void,
  signal?: AbortSignal,
): Generator<FoundFile | null> {
  let passedOver = 0;
  const skip = (why: Skipped): boolean => {
    onSkipped(why);
    return ++passedOver % PASSED_OVER_AT_A_TIME === 0;
  };
  function* walk(path: string, relative: string): Generator<FoundFile | null> {
    signal?.throwIfAborted();
    let entries: Deno.DirEntry[];
    try {
      entries = [...Deno.readDirSync(path)];
    } catch (error) {
      throw inputError(path, error);
    }
    entries.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    for (const entry of entries) {
      const inner = relative === "" ? entry.name : `${relative}/${entry.name}`;
      const full = path.endsWith("/") ? path + entry.name : `${path}/${entry.name}`;
      const verdict = verdictOf(entry, inner);
      if (verdict !== "take") {
        if (skip(verdict)) yield null;
      } else if (entry.isDirectory) yield* walk(full, inner);
      else yield { path: full, relative: inner };
    }
  }
  const verdictOf = (entry: Deno.DirEntry, path: string): Verdict | Skipped => {
    if (entry.name.startsWith(".")) return "hidden";
    if (entry.isSymlink) return "link";
    if (entry.isDirectory) return filter.folder(path);
    return entry.isFile ? filter.file(path) : "special";
  };
  yield* walk(root, "");
}

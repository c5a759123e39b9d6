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

/**
 * Walks a folder.
 * @param onSkipped Told of every entry that is passed over.
 * @throws UserError where a folder may not be read.
 */
export function* walkFolder(
  root: string,
  filter: Filter,
  onSkipped: (why: Skipped) => void,
  signal?: AbortSignal,
): Generator<FoundFile> {
  function* walk(path: string, relative: string): Generator<FoundFile> {
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
      if (entry.name.startsWith(".")) onSkipped("hidden");
      else if (entry.isSymlink) onSkipped("link");
      else if (entry.isDirectory) {
        const verdict = filter.folder(inner);
        if (verdict === "take") yield* walk(full, inner);
        else onSkipped(verdict);
      } else if (!entry.isFile) onSkipped("special");
      else {
        const verdict = filter.file(inner);
        if (verdict === "take") yield { path: full, relative: inner };
        else onSkipped(verdict);
      }
    }
  }
  yield* walk(root, "");
}

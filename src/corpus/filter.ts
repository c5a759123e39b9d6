/** Which files of folders and archives are looked at: not hidden, not excluded, and included by name. */
import { compileGlobs, type GlobMatcher } from "./globs.ts";
import { innermostKind, innerName } from "./kinds.ts";

export type Verdict = "take" | "hidden" | "filtered" | "unsupported";

export interface Filter {
  /** For a folder, by its path from the input's root. */
  folder(path: string): Verdict;
  /** For a file or a member of an archive. Containers and jsonl files pass the include globs: their contents do not. */
  file(path: string): Verdict;
  /** For a document whose path is known from elsewhere than the file's name (a field of a jsonl line). */
  document(path: string): boolean;
}

/** A filter for the include globs (none: everything) and the exclude globs. */
export function createFilter(include: readonly string[], exclude: readonly string[]): Filter {
  const excluded = compileGlobs(exclude);
  const included: GlobMatcher = include.length === 0 ? () => true : compileGlobs(include);
  const isHidden = (path: string): boolean => path.split("/").some((part) => /^\.(?!\.?$)/.test(part));
  const normal = (path: string): string => path.replace(/\\/g, "/").replace(/^(\.?\/)+/, "");
  return {
    folder(path) {
      if (isHidden(path)) return "hidden";
      return excluded(`${path}/`) ? "filtered" : "take";
    },
    file(rawPath) {
      const path = normal(rawPath);
      if (isHidden(path)) return "hidden";
      if (excluded(path)) return "filtered";
      const kind = innermostKind(path);
      if (kind === "unsupported") return "unsupported";
      if (kind !== "text") return "take";
      return included(path) || included(innerName(path)) ? "take" : "filtered";
    },
    document(rawPath) {
      const path = normal(rawPath);
      return included(path) && !excluded(path);
    },
  };
}

/**
 * The corpus of the quickstart: Python and C++ source inside npm packages (packages.json pins their versions, packages.lock
 * their checksums). It is read where Deno's cache holds it; nothing of it is copied into the project.
 */

import type { QuickstartCorpus } from "../src/cli/command.ts";
import { nameAndVersion, packageFolders, type PackageName } from "./packages.ts";

interface Source {
  readonly package: PackageName;
  /** Folder or archive inside the package; "" is all of it. */
  readonly path: string;
  readonly what: string;
}

const sources: readonly Source[] = [
  { package: "pyodide", path: "python_stdlib.zip", what: "Python's standard library" },
  { package: "node-gyp", path: "gyp", what: "GYP, in Python" },
  { package: "re2", path: "vendor", what: "RE2 and Abseil, in C++" },
  { package: "node-addon-api", path: "", what: "C++ headers" },
  { package: "nan", path: "", what: "C++ headers" },
];

const include = ["**/*.py", "**/*.h", "**/*.cc", "**/*.cpp"];
/** Tables written by programs; they hold numbers, not code. */
const exclude = ["**/encodings/**", "**/pydoc_data/**", "**/unicode_*"];

/** Fetches the packages where they are not in Deno's cache yet, and finds them. */
export async function quickstartCorpus(): Promise<QuickstartCorpus> {
  const folders = await packageFolders(sources.map((source) => source.package));
  return {
    input: sources.map(({ path }, i) => path === "" ? folders[i] : `${folders[i]}/${path}`),
    include,
    exclude,
    sources: sources.map((source) => `${source.what} (npm ${nameAndVersion(source.package)})`),
  };
}

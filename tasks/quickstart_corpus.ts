/**
 * The corpus of the quickstart: Python and C++ source inside npm packages, whose versions deno.json pins and deno.lock
 * checks. Deno fetches them into its cache, and they are read there; nothing of them is copied into the project.
 */

import project from "../deno.json" with { type: "json" };
import type { QuickstartCorpus } from "../src/cli/command.ts";
import { runDeno } from "./deno_command.ts";

type PackageName = "pyodide" | "node-gyp" | "re2" | "node-addon-api" | "nan";

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
  const input: string[] = [];
  const names: string[] = [];
  await runDeno(["cache", "--quiet", ...sources.map((source) => specifier(source.package))]);
  for (const source of sources) {
    const folder = await packageFolder(specifier(source.package));
    input.push(source.path === "" ? folder : `${folder}/${source.path}`);
    names.push(`${source.what} (npm ${specifier(source.package).slice("npm:".length)})`);
  }
  return { input, include, exclude, sources: names };
}

function specifier(name: PackageName): string {
  return project.imports[name];
}

/** Where Deno's cache holds a package. */
async function packageFolder(npmSpecifier: string): Promise<string> {
  const info: unknown = JSON.parse(await runDeno(["info", "--json", npmSpecifier]));
  const packages = member(info, "npmPackages");
  const folder = member(member(packages, npmSpecifier.slice("npm:".length)), "localPath");
  if (typeof folder !== "string") throw new Error(`deno info does not say where ${npmSpecifier} is`);
  return folder;
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

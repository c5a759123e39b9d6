/**
 * npm packages that the program does without: source code that the quickstart reads, and tokenizers that tests and benches
 * compare with. `deno task` fetches whatever stands in deno.lock, before anything runs; so these have a list and a lock of
 * their own (packages.json, packages.lock), and each is fetched where it is asked for.
 */

import { createRequire } from "node:module";
import project from "./packages.json" with { type: "json" };
import { runDeno } from "./deno_command.ts";

export type PackageName = keyof typeof project.imports;

const config = ["--config", "tasks/packages.json"];

/** A package with its version: `nan@2.30.0`. */
export function nameAndVersion(name: PackageName): string {
  return project.imports[name].slice("npm:".length);
}

/**
 * Fetches packages where they are not in Deno's cache yet.
 *
 * @returns their folders there, in the same order
 * @throws Error if one cannot be fetched, or has another checksum than the lock
 */
export async function packageFolders(names: readonly PackageName[]): Promise<string[]> {
  await runDeno(["cache", "--quiet", ...config, ...names.map((name) => project.imports[name])]);
  return await Promise.all(names.map(folderOf));
}

/** Fetches a CommonJS package and loads it. @returns what it exports @throws Error as packageFolders() and the package do */
export async function requirePackage(name: PackageName): Promise<unknown> {
  const [folder] = await packageFolders([name]);
  return createRequire(import.meta.url)(folder);
}

/** Where Deno's cache holds a package. */
async function folderOf(name: PackageName): Promise<string> {
  const info: unknown = JSON.parse(await runDeno(["info", "--json", ...config, project.imports[name]]));
  const folder = member(member(member(info, "npmPackages"), nameAndVersion(name)), "localPath");
  if (typeof folder !== "string") throw new Error(`deno info does not say where ${nameAndVersion(name)} is`);
  return folder;
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

/** The files of a prefix while they are being written, and how they come by their final names. */

import { CodekilnError, UserError } from "../errors.ts";
import { partialName, reason, removeIfPresent, writeFully } from "../files.ts";
import { type TokenFileMeta, tokenFilePaths } from "./meta.ts";

/**
 * Opens a partial file, alone: two writers of one prefix would mix their bytes. Its folder is made if need be.
 * @param keep Bytes of an earlier run that are kept; what lies behind them is cut off. Default 0.
 * @throws {UserError} where it cannot be created, or another process is writing it.
 * @throws {CodekilnError} where it has fewer bytes than are to be kept.
 */
export function openPartial(path: string, keep = 0): Deno.FsFile {
  const partial = partialName(path);
  let file: Deno.FsFile;
  try {
    const folder = path.replace(/[^/\\]*$/, "");
    if (folder !== "") Deno.mkdirSync(folder, { recursive: true });
    file = Deno.openSync(partial, { create: true, write: true, read: true });
  } catch (cause) {
    throw new UserError(`cannot create the file: ${reason(cause)}`, { where: partial, cause });
  }
  try {
    if (!file.tryLockSync(true)) throw inUse(partial);
    const { size } = file.statSync();
    if (size < keep) throw new CodekilnError(`has ${size} bytes`, { where: partial, expected: `at least ${keep}` });
    file.truncateSync(keep);
    file.seekSync(keep, Deno.SeekMode.Start);
  } catch (error) {
    file.close();
    throw error;
  }
  return file;
}

function inUse(where: string): UserError {
  return new UserError("another process is writing this file", {
    where,
    hint: "wait for it, or give another --output_prefix",
  });
}

/** @throws {UserError} where another process is writing a file, which may also be absent. */
export function requireUnlocked(path: string): void {
  if (!exists(path)) return;
  using file = Deno.openSync(path, { read: true, write: true });
  if (!file.tryLockSync(true)) throw inUse(path);
}

/** Writes the description, still under its partial name. */
export function writePartialMeta(path: string, meta: TokenFileMeta): void {
  const partial = partialName(path);
  using file = Deno.openSync(partial, { create: true, write: true, truncate: true });
  writeFully(file, new TextEncoder().encode(`${JSON.stringify(meta, null, 2)}\n`), partial);
  file.syncSync();
}

/**
 * Gives whole partial files their final names: ids, index, description. An older set is incomplete from the first step on. Can be
 * called again after it was interrupted anywhere.
 * @returns The final names that were given.
 */
export function publishPartials(prefix: string, onRenamed: (path: string) => void = () => {}): void {
  const { ids, idx, meta } = tokenFilePaths(prefix);
  if (exists(partialName(ids))) {
    for (const older of [meta, idx]) removeIfPresent(older);
  }
  for (const path of [ids, idx, meta]) {
    if (!exists(partialName(path))) continue;
    Deno.renameSync(partialName(path), path);
    onRenamed(path);
  }
}

/** Removes what is unfinished. */
export function removePartials(prefix: string): void {
  for (const path of Object.values(tokenFilePaths(prefix))) removeIfPresent(partialName(path));
}

/** Removes a finished token file, description first. */
export function removeTokenFile(prefix: string): void {
  const { ids, idx, meta } = tokenFilePaths(prefix);
  for (const path of [meta, idx, ids]) removeIfPresent(path);
}

export function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** What a run of `data` finds from an earlier one: nothing, work to go on with, or all done. And whether it may touch it. */
import { CodekilnError, UserError } from "../errors.ts";
import { partialName, reason, removeIfPresent } from "../files.ts";
import { type Checkpoint, type JournalContent, journalPath, readJournal } from "./journal.ts";
import { readTokenFileMeta, type TokenFileMeta, tokenFilePaths } from "./meta.ts";
import { hashesPath } from "./noted_hashes.ts";
import { removePartials, requireUnlocked } from "./partial_files.ts";
import { splitParts } from "./split.ts";
import { publishAll, type WrittenFile } from "./token_files.ts";

/** What a run was asked for, as texts under the names that the user knows. Runs with the same write the same bytes. */
export type Asked = Record<string, string>;

export type FoundRun =
  | { readonly kind: "unfinished"; readonly checkpoint: Checkpoint | null }
  | { readonly kind: "finished"; readonly files: readonly WrittenFile[] };

/** What the descriptions of the finished files say as well. */
interface AskedSettings {
  readonly tokenizer: { readonly fingerprint: string };
  readonly appendEos: boolean;
  readonly split: { readonly weights: readonly number[]; readonly seed: number } | null;
  readonly options: Readonly<Record<string, unknown>>;
}

function askedSettings({ tokenizer, appendEos, split, options }: AskedSettings): Asked {
  const asked: Asked = {
    "--tokenizer": `one with the fingerprint ${tokenizer.fingerprint.slice(0, 16)}`,
    "--append_eos": String(appendEos),
    "--split_by_hash": split === null ? "not given" : `${split.weights.join(",")} with seed ${split.seed}`,
  };
  for (const [name, value] of Object.entries(options)) {
    asked[`--${name}`] = typeof value === "string" ? value : JSON.stringify(value);
  }
  return asked;
}

export async function askedOf(
  { paths, ...settings }: AskedSettings & { paths: readonly string[] },
): Promise<Asked> {
  const asked = askedSettings(settings);
  for (const [i, path] of paths.entries()) {
    if (path === "-") continue;
    const { isDirectory, size, mtime } = await Deno.stat(path).catch((cause) => {
      const what = cause instanceof Deno.errors.NotFound
        ? "no such file or folder"
        : `cannot be read: ${reason(cause)}`;
      throw new UserError(what, { where: path, cause });
    });
    // The files of a folder are looked at when the reading comes by them.
    const state = isDirectory ? "a folder" : `a file of ${size} bytes, changed ${mtime?.toISOString() ?? "at no time"}`;
    asked[`input ${i + 1}`] = `${path}, ${state}`;
  }
  return asked;
}

/**
 * Looks at what an earlier run has left.
 * @throws {UserError} where that is in the way, or does not fit.
 */
export function findRun(
  prefix: string,
  prefixes: readonly string[],
  asked: Asked,
  { resume = false, overwrite = false, resumable }: { resume?: boolean; overwrite?: boolean; resumable: boolean },
): FoundRun {
  if (resume && overwrite) throw new UserError("--resume and --overwrite exclude each other", { where: "--resume" });
  if (resume && !resumable) {
    throw new UserError("standard input or a pipe cannot be read again from where a run was stopped", {
      where: "--resume",
      hint: "write it to a file first, or run the whole command again without --resume",
    });
  }
  const path = journalPath(prefix);
  if (overwrite) {
    removeStopped(prefix);
    return { kind: "unfinished", checkpoint: null };
  }
  const journal = readJournal(prefix);
  if (journal === null) return resume ? finishedBefore(prefixes, asked) : { kind: "unfinished", checkpoint: null };
  if (!resume) {
    throw new UserError("a run that was stopped has left its work here", {
      where: path,
      hint: "--resume goes on with it, --overwrite begins anew",
    });
  }
  requireSame(journal.asked, asked, path);
  if (journal.finished) {
    publishAll(journal.finished.prefixes, journal.finished.empty);
    const files = journal.finished.prefixes.map(writtenFile);
    removeIfPresent(partialName(hashesPath(prefix)));
    removeIfPresent(path);
    return { kind: "finished", files };
  }
  return { kind: "unfinished", checkpoint: lastUsable(prefixes, journal) };
}

/** Removes what a stopped run has left, whatever it was asked for. @throws {UserError} where it is not stopped */
function removeStopped(prefix: string): void {
  const prefixes = [prefix, ...splitParts.map((part) => `${prefix}_${part}`)];
  for (const name of prefixes) requireUnlocked(partialName(tokenFilePaths(name).ids));
  removeIfPresent(journalPath(prefix));
  removeIfPresent(partialName(hashesPath(prefix)));
  for (const name of prefixes) removePartials(name);
}

function requireSame(before: Readonly<Asked>, now: Asked, where: string): void {
  for (const name of new Set([...Object.keys(now), ...Object.keys(before)])) {
    if (before[name] === now[name]) continue;
    throw new UserError(`this is of another run: ${name} was ${before[name] ?? "not given"}`, {
      where,
      expected: `${now[name] ?? "not given"}, as now`,
      hint: "--resume with the same options and inputs goes on with it, --overwrite begins anew",
    });
  }
}

/** The last checkpoint that the files are long enough for: after a power failure that may not be the last one. */
function lastUsable(prefixes: readonly string[], { checkpoints }: JournalContent): Checkpoint | null {
  const sizes = prefixes.map((prefix) => ({ ids: sizeOf(partialName(tokenFilePaths(prefix).ids)) }));
  return checkpoints.findLast(({ files }) =>
    files.length === prefixes.length && files.every(({ state }, i) => sizes[i].ids >= 2 * state.tokens)
  ) ?? null;
}

function sizeOf(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch {
    return -1;
  }
}

function writtenFile(prefix: string): WrittenFile {
  const { meta: path } = tokenFilePaths(prefix);
  const meta = readTokenFileMeta(path);
  if (meta === null) throw new CodekilnError("is gone", { where: path });
  return { prefix, meta };
}

/** `--resume` where no run was stopped: either one has finished, or none has begun. */
function finishedBefore(prefixes: readonly string[], asked: Asked): FoundRun {
  const files = prefixes.filter((prefix) => readTokenFileMeta(tokenFilePaths(prefix).meta) !== null).map(writtenFile);
  if (files.length === 0) return { kind: "unfinished", checkpoint: null };
  const known = Object.keys(askedSettings(settingsOf(files[0].meta)));
  const now = Object.fromEntries(Object.entries(asked).filter(([name]) => known.includes(name)));
  for (const { prefix, meta } of files) {
    requireSame(askedSettings(settingsOf(meta)), now, tokenFilePaths(prefix).meta);
  }
  return { kind: "finished", files };
}

function settingsOf({ tokenizer, append_eos, split = undefined, options }: TokenFileMeta): AskedSettings {
  return { tokenizer, appendEos: append_eos, split: split ?? null, options };
}

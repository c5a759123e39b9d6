/** Opens the files that a reading comes to. */
import type { ReadContext } from "./content.ts";
import { countSkipped } from "./content.ts";
import { type FoundFile, type Skipped, walkFolder } from "./folder.ts";
import { inputError, type InputFile, openFolderFile, openInputFile } from "./input.ts";
import type { FileIdentity } from "./place.ts";
import { createReadAhead, type ReadAhead } from "./read_ahead.ts";

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

/** What a walk comes by: a file, what is passed over, nothing for long, or a folder that cannot be read. */
type Step = { found: FoundFile } | { skipped: Skipped } | { error: unknown } | null;

/** Steps that the walk may be ahead, be it files or what is passed over. */
const MAX_STEPS = 512;

/** Walks a folder, some files ahead where reading ahead wants to know what comes. */
function* walkAhead({ filter, signal }: ReadContext, root: string, ahead: ReadAhead): Generator<Step> {
  const steps: Step[] = [];
  const walk = walkFolder(root, filter, (skipped) => steps.push({ skipped }), signal);
  let files = 0;
  let ended = false;
  const walkOn = (): void => {
    try {
      const { done, value } = walk.next();
      ended = done ?? false;
      if (value === null) steps.push(null);
      else if (value !== undefined) {
        files++;
        steps.push({ found: value });
        ahead.expect(value.path);
      }
    } catch (error) {
      ended = true;
      steps.push({ error });
    }
  };
  for (;;) {
    while (!ended && files < ahead.depth && steps.length < MAX_STEPS) walkOn();
    const step = steps.shift();
    if (step === undefined) return;
    if (step !== null && "found" in step) files--;
    yield step;
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
  using ahead = createReadAhead();
  for (const step of walkAhead(context, root, ahead)) {
    if (step === null) yield null;
    else if ("skipped" in step) countSkipped(report, step.skipped);
    else if ("error" in step) throw step.error;
    else if (passOver()) yield { found: step.found, ...lookAt(context, step.found.path) };
    else {
      const { found } = step;
      const file = openFolderFile(found.path, (bytes) => report.bytesRead += bytes, signal, ahead.took);
      yield { found, identity: file, file };
    }
  }
}

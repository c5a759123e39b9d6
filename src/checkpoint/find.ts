/** Finds checkpoints in a run's folder: `model_<step>/`, newest last. */
import { UserError } from "../errors.ts";
import { reason } from "../files.ts";

/** The checkpoint folder of a step. */
export function checkpointPath(outputDir: string, step: number): string {
  return `${outputDir}/model_${step}`;
}

/** Steps that have a whole checkpoint, ascending; none where the folder does not exist. */
export function checkpointSteps(outputDir: string): number[] {
  const steps: number[] = [];
  try {
    for (const { name, isDirectory } of Deno.readDirSync(outputDir)) {
      const step = /^model_(\d+)$/.exec(name)?.[1];
      if (isDirectory && step !== undefined) steps.push(Number(step));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) {
      throw new UserError(`not a folder that can be read: ${reason(error)}`, { where: outputDir, cause: error });
    }
  }
  return steps.sort((a, b) => a - b);
}

/**
 * Mends what a killed run left in its folder: half-written `model_<step>.partial` go; a checkpoint that was being replaced,
 * `model_<step>.old`, gets its name back where the new one had not taken it.
 */
export function mendCheckpoints(outputDir: string): void {
  let entries: Deno.DirEntry[];
  try {
    entries = [...Deno.readDirSync(outputDir)];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return;
    throw error;
  }
  for (const { name, isDirectory } of entries) {
    const [, checkpoint, left] = /^(model_\d+)\.(partial|old)$/.exec(name) ?? [];
    if (!isDirectory || !checkpoint) continue;
    if (left === "old" && !entries.some((entry) => entry.name === checkpoint)) {
      Deno.renameSync(`${outputDir}/${name}`, `${outputDir}/${checkpoint}`);
    } else Deno.removeSync(`${outputDir}/${name}`, { recursive: true });
  }
}

/**
 * A checkpoint folder from what a user names: the folder itself, or a run's folder, of which the newest checkpoint is taken.
 * @throws {UserError} where it is neither.
 */
export function resolveCheckpoint(path: string): string {
  let stat: Deno.FileInfo | null = null;
  try {
    stat = Deno.statSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  if (!stat?.isDirectory) throw new UserError("there is no such folder", { where: path, expected: "a checkpoint" });
  if ([...Deno.readDirSync(path)].some(({ name }) => name === "config.json")) return path;
  const newest = checkpointSteps(path).at(-1);
  if (newest !== undefined) return checkpointPath(path, newest);
  throw new UserError("there is no checkpoint in it", {
    where: path,
    expected: "a folder with config.json and model.safetensors, or a run's folder with model_<step>/",
  });
}

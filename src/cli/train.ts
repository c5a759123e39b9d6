/** `codekiln train`: trains a GPT on token files, or runs the quickstart. */

import type { RunResult } from "../train/run.ts";
import type { CommandContext } from "./command.ts";
import { runQuickstart } from "./quickstart.ts";
import type { TrainOptions } from "./train_options.ts";
import { trainWithReports } from "./train_reports.ts";

export async function runTrain(options: TrainOptions, context: CommandContext): Promise<void> {
  const { input_dir: inputDir } = options;
  if (inputDir === null) return await runQuickstart(options, context);
  const result: RunResult = await trainWithReports({ ...options, input_dir: inputDir }, context);
  await context.write(`${result.checkpoint}\n`);
}

/** `codekiln train`: trains a GPT on token files, or runs the quickstart. */

import type { RunResult } from "../train/run.ts";
import type { CommandContext } from "./command.ts";
import { defineCommand } from "./define_command.ts";
import { runQuickstart } from "./quickstart.ts";
import { checkTrainOptions, type TrainOptions, trainOptionTable } from "./train_options.ts";
import { trainWithReports } from "./train_reports.ts";

export const trainCommand = defineCommand({
  name: "train",
  summary: "Train a GPT on the token files of codekiln data; without --input_dir, the quickstart",
  description:
    "Trains a GPT and writes checkpoints in the Hugging Face GPT-2 layout, metrics.jsonl and options.json to --output_dir. Without --input_dir it runs the quickstart: a small model on source code that comes with npm packages.",
  options: trainOptionTable,
  examples: [
    {
      what: "GPT-2 from random weights on the files my_ids.npy and my_idx.npz in data/",
      command:
        "train --model_name_or_path gpt2-en --input_dir data --output_dir output --micro_batch_size 4 --global_batch_size 64 --max_steps 50000",
    },
    {
      what: "a small model of your own size",
      command:
        "train --input_dir data --num_layers 6 --hidden_size 384 --num_heads 6 --max_seq_len 256 --max_lr 1e-3 --max_steps 2000",
    },
    { what: "go on where a run stopped", command: "train --config output/options.json --resume" },
    { what: "the quickstart", command: "train" },
  ],
  run: (parsed, context) => runTrain(checkTrainOptions(parsed.values, parsed.given), context),
});

async function runTrain(options: TrainOptions, context: CommandContext): Promise<void> {
  const { input_dir: inputDir } = options;
  if (inputDir === null) return await runQuickstart(options, context);
  const result: RunResult = await trainWithReports({ ...options, input_dir: inputDir }, context);
  await context.write(`${result.checkpoint}\n`);
}

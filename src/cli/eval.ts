/** `codekiln eval`: the loss of a checkpoint on token files. */

import type { CommandContext } from "./command.ts";
import { defineCommand } from "./define_command.ts";
import { notBuiltYet } from "./device_options.ts";
import { checkEvalOptions, type EvalOptions, evalOptionTable } from "./eval_options.ts";

export const evalCommand = defineCommand({
  name: "eval",
  summary: "Measure a checkpoint's loss, perplexity and bits per byte on token files",
  description:
    'Prints {"loss": mean nats per token, "bits_per_byte": …|null, "perplexity": …, "tokens": n} for one part of the data.',
  options: evalOptionTable,
  examples: [
    {
      what: "the validation loss of a run's checkpoint",
      command: "eval --model_name_or_path output/model_2000 --input_dir data",
    },
    {
      what: "all of another data set, on one line",
      command: "eval --model_name_or_path output/model_2000 --input_dir other --part all --json",
    },
  ],
  run: (parsed, context) => runEval(checkEvalOptions(parsed.values), context),
});

async function runEval(_options: EvalOptions, _context: CommandContext): Promise<void> {
  await Promise.reject(notBuiltYet("eval"));
}

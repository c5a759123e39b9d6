/** `codekiln generate`: continues prompts with a checkpoint. */

import type { CommandContext } from "./command.ts";
import { defineCommand } from "./define_command.ts";
import { notBuiltYet } from "./device_options.ts";
import { checkGenerateOptions, type GenerateOptions, generateOptionTable } from "./generate_options.ts";

export const generateCommand = defineCommand({
  name: "generate",
  summary: "Continue prompts with a checkpoint: text to stdout as it is made",
  description: "Continues each prompt and writes the text as it is made; with --json, one JSON object for each text.",
  options: generateOptionTable,
  examples: [
    {
      what: "continue one prompt",
      command: "generate --model_name_or_path output --prompt 'def fibonacci(n):'",
    },
    {
      what: "three samples for each line of stdin, as JSON lines",
      command:
        "generate --model_name_or_path output --decode_strategy sampling --top_k 10 --temperature 0.5 --num_return_sequences 3 --json < prompts.txt",
    },
    {
      what: "continue a whole file",
      command: "generate --model_name_or_path output --prompt_file start.py --prompt_format whole --max_dec_len 256",
    },
  ],
  run: (parsed, context) => runGenerate(checkGenerateOptions(parsed.values, parsed.given), context),
});

async function runGenerate(_options: GenerateOptions, _context: CommandContext): Promise<void> {
  await Promise.reject(notBuiltYet("generate"));
}

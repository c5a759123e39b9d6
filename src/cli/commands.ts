/** Every command of the program, in the order in which `--help` lists them. */

import type { Command } from "./command.ts";
import { benchCommand } from "./bench.ts";
import { dataCommand } from "./data.ts";
import { devicesCommand } from "./devices.ts";
import { evalCommand } from "./eval.ts";
import { generateCommand } from "./generate.ts";
import { tokenizerDecodeCommand, tokenizerEncodeCommand, tokenizerTrainCommand } from "./tokenizer.ts";
import { trainCommand } from "./train.ts";

export const commands: readonly Command[] = [
  dataCommand,
  tokenizerTrainCommand,
  tokenizerEncodeCommand,
  tokenizerDecodeCommand,
  trainCommand,
  evalCommand,
  generateCommand,
  devicesCommand,
  benchCommand,
];

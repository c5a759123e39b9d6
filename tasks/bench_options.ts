/** What all benches do alike: options with a help text, and errors without stack traces, as the program itself has them. */

import { helpWidth, optionList, wrap } from "../src/cli/help.ts";
import type { OptionTable, OptionValues } from "../src/cli/options.ts";
import { parseOptions } from "../src/cli/parse_options.ts";
import { exitCodes, reportError } from "../src/cli/run_cli.ts";
import { UserError } from "../src/errors.ts";

export interface Bench<T extends OptionTable> {
  /** What starts it: `deno task bench:tokenizer`. */
  readonly command: string;
  readonly description: string;
  readonly options: T;
  /** The arguments of an example. */
  readonly example: string;
  /** Measures and prints. @returns whether all that it compared is the same */
  readonly run: (values: OptionValues<T>) => Promise<boolean>;
}

/** Runs a bench with the process's arguments, and sets its exit code: 0, 1 on a difference or an error, 2 on wrong options. */
export async function runBench<T extends OptionTable>(bench: Bench<T>): Promise<void> {
  try {
    const { values, helpAsked } = parseOptions(bench.options, Deno.args);
    if (helpAsked) console.log(benchHelp(bench));
    else if (!await bench.run(values)) Deno.exitCode = exitCodes.failure;
  } catch (error) {
    reportError(error, Deno.args.includes("--debug"));
    Deno.exitCode = error instanceof UserError ? exitCodes.userMistake : exitCodes.failure;
  }
}

function benchHelp<T extends OptionTable>({ command, description, options, example }: Bench<T>): string {
  return [
    ...wrap(description, helpWidth),
    "",
    `Usage: ${command} [OPTIONS]`,
    ...optionList(options),
    "",
    "Example:",
    `  ${command} ${example}`,
  ].join("\n");
}

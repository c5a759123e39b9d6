/** The entry of the command line, for `deno run`, the compiled executable and the portable file. */

import project from "../deno.json" with { type: "json" };
import { commands } from "./cli/commands.ts";
import type { Program } from "./cli/run_cli.ts";
import { runCli } from "./cli/run_cli.ts";
import { isThread } from "./thread.ts";

/** The program; a checkout adds the corpus of the quickstart (tasks/codekiln.ts). */
export const program: Program = { commands, version: project.version };

// In a bundle the program's threads start from this file too.
if (import.meta.main && !isThread) Deno.exit(await runCli(program, Deno.args));

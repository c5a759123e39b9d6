/** The entry of the command line, for `deno run`, the compiled executable and the portable file. */

import project from "../deno.json" with { type: "json" };
import { commands } from "./cli/commands.ts";
import type { Program } from "./cli/run_cli.ts";
import { runCli } from "./cli/run_cli.ts";
import { threadKind } from "./thread.ts";

/** The program; a checkout adds the corpus of the quickstart (tasks/codekiln.ts). */
export const program: Program = { commands, version: project.version };

/** What each kind of thread runs. In a bundle threads start from this file, not from their own. */
const threads: Readonly<Record<string, () => Promise<unknown>>> = {
  "count-pieces": () => import("./tokenizer/count_thread.ts"),
  cpu: () => import("./device/cpu/worker.ts"),
  encode: () => import("./dataset/encode_thread.ts"),
  "read-ahead": () => import("./corpus/read_ahead.ts"),
};

// In a bundle the import waits for nothing outside. Were it to, messages that come meanwhile would be lost.
if (threadKind !== null) await threads[threadKind]?.();
else if (import.meta.main) Deno.exit(await runCli(program, Deno.args));

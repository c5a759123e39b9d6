/** The entry of the executable for x64, which `deno compile` gives V8's flags; see device/cpu/engine.ts. */

import { runCli } from "./cli/run_cli.ts";
import { engineFlags } from "./device/cpu/engine.ts";
import { program } from "./main.ts";
import { threadKind } from "./thread.ts";

if (threadKind === null) {
  Deno.env.set("DENO_V8_FLAGS", engineFlags("x86_64").join(","));
  Deno.exit(await runCli(program, Deno.args));
}

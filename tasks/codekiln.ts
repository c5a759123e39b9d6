/** The command line in a checkout: the program, and what only a checkout has, the quickstart's corpus. */

import { program } from "../src/main.ts";
import { runCli } from "../src/cli/run_cli.ts";
import { quickstartCorpus } from "./quickstart_corpus.ts";

if (import.meta.main) Deno.exit(await runCli({ ...program, quickstartCorpus }, Deno.args));

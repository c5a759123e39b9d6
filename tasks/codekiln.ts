/** The command line in a checkout: the program, and what only a checkout has, the quickstart's corpus. */

import { program } from "../src/main.ts";
import { runCli } from "../src/cli/run_cli.ts";

const quickstartCorpus = async () => await (await import("./quickstart_corpus.ts")).quickstartCorpus();

if (import.meta.main) Deno.exit(await runCli({ ...program, quickstartCorpus }, Deno.args));

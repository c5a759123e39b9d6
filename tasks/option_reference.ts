/** Writes docs/options.md from the option tables. Usage: deno run -A tasks/option_reference.ts */

import { commands } from "../src/cli/commands.ts";
import { optionReference } from "../src/cli/help.ts";
import { fromRoot } from "./deno_command.ts";

const introduction = `# Options

Made from the option tables in \`src/cli\` by \`deno run -A tasks/option_reference.ts\`. Dashes and underscores in names are
the same; \`--x=v\` and \`--x v\` too; a bare switch is true and \`--no-x\` false. Every command also takes \`--config FILE\` (a JSON
object of options; the command line wins), \`--debug\` (stack traces) and \`--help\`.

`;

await Deno.writeTextFile(fromRoot("docs/options.md"), introduction + commands.map(optionReference).join("\n"));

/**
 * Builds the executable `dist/codekiln` with `deno compile`. Deno fetches the base binary it appends the program to;
 * where that cannot be reached, `deno task compile:portable` needs no network.
 *
 * Usage: deno task compile [OUTPUT]
 */

import { engineFlags } from "../src/device/cpu/engine.ts";
import { fromRoot, runDeno } from "./deno_command.ts";

/**
 * The arguments of `deno compile`. Only packages that the program imports are embedded; without that flag all of
 * deno.json's would be, the compiler of the kernels and the tests' too: 100 MB more.
 */
export function compileArguments(output: string): string[] {
  const flags = ["--frozen", "--no-check", "--exclude-unused-npm", "--allow-all"];
  const engine = engineFlags();
  const entry = engine.length > 0 ? [`--v8-flags=${engine.join(",")}`, "src/main_x64.ts"] : ["src/main.ts"];
  return ["compile", ...flags, "--output", output, ...entry];
}

if (import.meta.main) {
  const output = Deno.args[0] ?? fromRoot("dist/codekiln");
  try {
    await runDeno(compileArguments(output));
    console.error(`${output}: ${((await Deno.stat(output)).size / 1e6).toFixed(1)} MB`);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    console.error(text);
    if (/denort|download|fetch|dns|connect|network/i.test(text)) {
      console.error(
        "HINT: deno compile could not fetch its base binary. Put denort's zip for this platform into " +
          `$DENO_DIR/dl/release/v${Deno.version.deno}/, or build the portable file: deno task compile:portable`,
      );
    }
    Deno.exit(1);
  }
}

/**
 * `deno compile`: what it embeds, and the executable end to end where its base binary can be had.
 *
 * Without the base binary, Deno itself stands in for it (DENORT_BIN): the file that comes out does not run, but Deno lists
 * what it embeds.
 */

import assert from "node:assert/strict";
import { compileArguments } from "../../tasks/compile.ts";
import { fromRoot, runDeno } from "../../tasks/deno_command.ts";

/** The folder in which Deno keeps base binaries that it has fetched. */
async function baseBinary(): Promise<string | null> {
  const info: { denoDir: string } = JSON.parse(await runDeno(["info", "--json"]));
  const zip = `${info.denoDir}/dl/release/v${Deno.version.deno}/denort-${Deno.build.target}.zip`;
  try {
    await Deno.stat(zip);
    return zip;
  } catch {
    return null;
  }
}

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "codekiln-compile-" });
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("deno compile embeds the program, its kernels and its packages, and nothing for tests only", async () => {
  await withFolder(async (folder) => {
    const command = new Deno.Command(Deno.execPath(), {
      args: compileArguments(`${folder}/codekiln`),
      cwd: fromRoot("."),
      env: { DENORT_BIN: Deno.execPath(), NO_COLOR: "1" },
      stdin: "null",
    });
    const { success, stdout, stderr } = await command.output();
    const listing = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assert.ok(success, listing);
    assert.match(listing, /Embedded Files/);
    for (const part of ["main.ts", "kernels", "build/*", "gpt2_merges.bin", "fzstd", "valibot"]) {
      assert.ok(listing.includes(part), `${part}\n${listing}`);
    }
    for (const part of ["fast-check", "pyodide", "re2/", "golden", "tests"]) assert.ok(!listing.includes(part), part);
  });
});

const base = await baseBinary();
if (!base) console.log(`SKIP the compiled executable: no base binary of deno ${Deno.version.deno} in Deno's cache`);

Deno.test({
  name: "the compiled executable runs from an empty folder with an empty environment",
  ignore: base === null,
  fn: () =>
    withFolder(async (folder) => {
      await runDeno(compileArguments(`${folder}/codekiln`));
      const command = new Deno.Command("env", { args: ["-i", `${folder}/codekiln`, "--version"], cwd: folder });
      const { code, stdout } = await command.output();
      assert.equal(code, 0);
      assert.match(new TextDecoder().decode(stdout), /^codekiln /);
    }),
});

/**
 * Builds the portable file `dist/codekiln`: a shell header, the bundled program and the Deno binary that runs this task.
 * It needs nothing from the network, and on the target machine only sh, gzip and the base tools.
 *
 * Usage: deno task compile:portable [OUTPUT]
 */

import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { engineFlags } from "../src/device/cpu/engine.ts";
import { fromRoot, runDeno } from "./deno_command.ts";
import { portableHeader } from "./portable_header.ts";

/** Bundles the program into one JavaScript file and returns its bytes. */
async function bundle(): Promise<Uint8Array> {
  const folder = await Deno.makeTempDir({ prefix: "codekiln-bundle-" });
  try {
    const app = `${folder}/app.js`;
    await runDeno(["bundle", "--quiet", "--platform", "deno", "--output", app, "src/main.ts"]);
    return await Deno.readFile(app);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Writes the portable file, beside its name first. @returns its size in bytes */
export async function buildPortable(output: string): Promise<number> {
  const app = await bundle();
  const deno = await Deno.readFile(Deno.execPath());
  const hash = createHash("sha256").update(app).update(deno).digest("hex").slice(0, 16);
  const packedApp = gzipSync(app, { level: 9 });
  const packedDeno = gzipSync(deno, { level: 6 });
  const header = new TextEncoder().encode(portableHeader({ flags: engineFlags(), hash, appBytes: packedApp.length }));

  const partial = `${output}.partial`;
  using file = await Deno.open(partial, { write: true, create: true, truncate: true, mode: 0o755 });
  for (const part of [header, packedApp, packedDeno]) {
    for (let at = 0; at < part.length;) at += await file.write(part.subarray(at));
  }
  await Deno.rename(partial, output);
  return header.length + packedApp.length + packedDeno.length;
}

if (import.meta.main) {
  const output = Deno.args[0] ?? fromRoot("dist/codekiln");
  await Deno.mkdir(fromRoot("dist"), { recursive: true });
  const bytes = await buildPortable(output);
  console.error(`${output}: ${(bytes / 1e6).toFixed(1)} MB`);
}

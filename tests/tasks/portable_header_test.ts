import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import { engineFlags } from "../../src/device/cpu/engine.ts";
import { headerBytes, portableHeader } from "../../tasks/portable_header.ts";

/** A portable file whose "Deno" is a shell script that prints its arguments. */
async function writeFile(path: string, hash: string, flags: readonly string[] = []): Promise<void> {
  const app = gzipSync(new TextEncoder().encode("// app\n"));
  const deno = gzipSync(new TextEncoder().encode('#!/bin/sh\nprintf "%s|" "$DENO_V8_FLAGS" "$@"\n'));
  const header = new TextEncoder().encode(portableHeader({ flags, hash, appBytes: app.length }));
  await Deno.writeFile(path, Buffer.concat([header, app, deno]), { mode: 0o755 });
}

async function run(path: string, env: Record<string, string>, args: string[] = []) {
  const words = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const { code, stdout, stderr } = await new Deno.Command("env", { args: ["-i", ...words, path, ...args] }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

async function withFile(body: (folder: string, file: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "codekiln header " });
  try {
    await writeFile(`${folder}/kiln file`, "0123abcd");
    await body(folder, `${folder}/kiln file`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("the header has its fixed size", () => {
  assert.equal(
    new TextEncoder().encode(
      portableHeader({ flags: engineFlags("x86_64"), hash: "f".repeat(16), appBytes: 123456789 }),
    ).length,
    headerBytes,
  );
});

Deno.test("it unpacks to XDG_CACHE_HOME, else HOME, else the temporary folder, and hands on every argument", async () => {
  await withFile(async (folder, file) => {
    const places = { XDG_CACHE_HOME: "codekiln", HOME: ".cache/codekiln", TMPDIR: `codekiln-${Deno.uid()}` };
    for (const [name, place] of Object.entries(places)) {
      const home = `${folder}/${name}`;
      await Deno.mkdir(home);
      const { code, out, err } = await run(file, { [name]: home }, ["a b", "", "--x=$y"]);
      assert.equal(code, 0, err);
      assert.ok(out.endsWith("/app.js|a b||--x=$y|"), out);
      assert.ok((await Deno.stat(`${home}/${place}/0123abcd/deno`)).isFile);
      assert.deepEqual([...Deno.readDirSync(`${home}/${place}`)].map((entry) => entry.name), ["0123abcd"]);
    }
  });
});

Deno.test("many first starts at once leave one complete folder", async () => {
  await withFile(async (folder, file) => {
    const runs = await Promise.all(Array.from({ length: 12 }, () => run(file, { XDG_CACHE_HOME: `${folder}/c` })));
    for (const { code, err } of runs) assert.equal(code, 0, err);
    assert.deepEqual([...Deno.readDirSync(`${folder}/c/codekiln`)].map((entry) => entry.name), ["0123abcd"]);
    const inside = [...Deno.readDirSync(`${folder}/c/codekiln/0123abcd`)].map((entry) => entry.name).sort();
    assert.deepEqual(inside.filter((name) => name !== "deno_dir"), ["app.js", "deno"]);
  });
});

Deno.test("the runtime starts with V8's flags for its processor, unless CODEKILN_V8_FLAGS is set", async () => {
  await withFile(async (folder) => {
    await writeFile(`${folder}/x64`, "4567", ["--one", "--two"]);
    const flagsOf = async (env: Record<string, string>) =>
      (await run(`${folder}/x64`, { XDG_CACHE_HOME: `${folder}/c`, ...env })).out.split("|")[0];
    assert.equal(await flagsOf({}), "--one,--two");
    assert.equal(await flagsOf({ DENO_V8_FLAGS: "--three" }), "--three,--one,--two");
    assert.equal(await flagsOf({ CODEKILN_V8_FLAGS: "" }), "");
    assert.equal(await flagsOf({ CODEKILN_V8_FLAGS: "--four", DENO_V8_FLAGS: "--three" }), "--three,--four");
  });
});

Deno.test("a damaged file is named, and nothing of it stays", async () => {
  await withFile(async (folder, file) => {
    await Deno.truncate(file, headerBytes + 40);
    const { code, err } = await run(file, { XDG_CACHE_HOME: `${folder}/c` });
    assert.equal(code, 1);
    assert.match(err, /kiln file is damaged/);
    assert.deepEqual([...Deno.readDirSync(`${folder}/c/codekiln`)], []);
  });
});

Deno.test("a cache folder that cannot be made is an error that says what to set", async () => {
  await withFile(async (folder, file) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    const { code, err } = await run(file, { XDG_CACHE_HOME: `${folder}/file` });
    assert.equal(code, 1);
    assert.match(err, /set XDG_CACHE_HOME/);
  });
});

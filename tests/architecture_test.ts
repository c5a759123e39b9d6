/** Keeps the house in order: which rooms may import which, where imports may come from, and how long a file may get. */

import assert from "node:assert/strict";

const root = new URL("../", import.meta.url);

/** A room's folder or file, and the rooms that it may import besides itself. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  "src/errors.ts": [],
  "src/files.ts": ["src/errors.ts"],
  "src/json.ts": ["src/errors.ts"],
  "src/thread.ts": [],
  "src/wasm.ts": [],
  "src/corpus": ["kernels/corpus"],
  "src/tokenizer": ["kernels/tokenizer"],
  "src/dataset": ["src/corpus", "src/tokenizer"],
  "src/program": [],
  "src/device": ["src/program", "kernels/webgpu", "kernels/cpu"],
  "src/model": ["src/program", "src/device"],
  "src/checkpoint": ["src/program", "src/device", "src/model", "src/tokenizer"],
  "src/generate": ["src/program", "src/device", "src/model", "src/checkpoint", "src/tokenizer"],
  "src/train": [
    ...["src/program", "src/device", "src/model", "src/checkpoint", "src/tokenizer", "src/dataset"],
  ],
  "src/bench": ["src/program", "src/device", "src/model"],
  "src/cli": [
    ...["src/corpus", "src/tokenizer", "src/dataset", "src/program", "src/device", "src/model", "src/checkpoint"],
    ...["src/generate", "src/train", "src/bench"],
  ],
  "src/main.ts": ["src/cli", "deno.json", "src/corpus", "src/tokenizer", "src/dataset", "src/device"],
  "src/main_x64.ts": ["src/main.ts", "src/cli", "src/device"],
};

/** Everybody may import these. */
const shared = ["src/errors.ts", "src/files.ts", "src/json.ts", "src/thread.ts", "src/wasm.ts"];
/** The lines that a file of code may have. */
const maxLines = 400;

interface SourceFile {
  readonly path: string;
  readonly text: string;
}

async function* sourceFiles(folder: string, extension: RegExp): AsyncGenerator<SourceFile> {
  for await (const entry of Deno.readDir(new URL(folder, root))) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* sourceFiles(path, extension);
    else if (extension.test(entry.name)) yield { path, text: await Deno.readTextFile(new URL(path, root)) };
  }
}

function roomOf(path: string): string | undefined {
  return Object.keys(mayImport).find((room) => path === room || path.startsWith(`${room}/`));
}

/** The specifiers that a file imports or re-exports. */
function importsOf(text: string): string[] {
  const code = text.replace(/\/\*[^]*?\*\//g, "");
  const statements = code.matchAll(/^(?:import|export)\b[^;]*?from\s+"([^"]+)"|^import\s+"([^"]+)"/gm);
  const dynamic = code.matchAll(/\bimport\("([^"]+)"\)/g);
  return [...statements, ...dynamic].map((match) => match[1] ?? match[2]);
}

async function readImports(path: string): Promise<Record<string, string>> {
  return JSON.parse(await Deno.readTextFile(new URL(path, root))).imports;
}

Deno.test("every room imports only the rooms before it", async () => {
  const wrong: string[] = [];
  for await (const { path, text } of sourceFiles("src", /\.ts$/)) {
    const room = roomOf(path);
    if (!room) {
      wrong.push(`${path} belongs to no room`);
      continue;
    }
    for (const specifier of importsOf(text).filter((name) => name.startsWith("."))) {
      const target = new URL(specifier, new URL(path, root)).pathname.slice(root.pathname.length);
      const allowed = [room, ...shared, ...mayImport[room]];
      if (!allowed.some((name) => target === name || target.startsWith(`${name}/`))) {
        wrong.push(`${path} imports ${target}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
});

Deno.test("every kind of thread is in the table of src/main.ts, from which a bundle starts them", async () => {
  const main = await Deno.readTextFile(new URL("src/main.ts", root));
  const table = [...main.matchAll(/"?([\w-]+)"?: \(\) => import\("\.\/(.*)"\)/g)].map(([, kind, path]) =>
    `${kind}: src/${path}`
  );
  const files = await Array.fromAsync(sourceFiles("src", /\.ts$/));
  /** What a file's constant says, its own or an imported one. */
  const valueOf = (name: string, own: string): string | undefined => {
    const declaration = new RegExp(`^(?:export )?const ${name} = "(.*)";$`, "m");
    return [own, ...files.map(({ text }) => text)].map((text) => declaration.exec(text)?.[1]).find(Boolean);
  };
  const kinds: string[] = [];
  const started: string[] = [];
  for (const { path, text } of files) {
    if (path === "src/thread.ts") continue;
    for (const [, name] of text.matchAll(/\bisThreadFor\((\w+)\)/g)) kinds.push(`${valueOf(name, text)}: ${path}`);
    for (const [, name] of text.matchAll(/\bthreadName\((.*?)\)/g)) started.push(`${valueOf(name, text)}`);
  }
  assert.deepEqual(table.toSorted(), kinds.toSorted());
  assert.deepEqual(started.toSorted(), kinds.map((kind) => kind.split(":")[0]).toSorted());
  assert.ok(kinds.length > 3);
});

Deno.test("what a command does is loaded when it is run", async () => {
  const loaded = new Set<string>();
  const load = async (path: string): Promise<void> => {
    if (loaded.has(path)) return;
    loaded.add(path);
    const text = await Deno.readTextFile(new URL(path, root));
    const imports = text.replace(/\/\*[^]*?\*\//g, "").matchAll(
      /^(?:import|export) (?!type\b)[^;]*?from\s+"(\..*?\.ts)"/gm,
    );
    for (const [, specifier] of imports) {
      await load(new URL(specifier, new URL(path, root)).pathname.slice(root.pathname.length));
    }
  };
  await load("src/main.ts");
  const heavy = [...loaded].filter((path) =>
    /^src\/(corpus|tokenizer|dataset|device|train|generate|bench)\//.test(path)
  );
  assert.deepEqual(heavy.sort(), [
    "src/corpus/languages.ts",
    "src/device/cpu/max_threads.ts",
    "src/generate/settings.ts",
    "src/tokenizer/patterns.ts",
    "src/tokenizer/vocabulary.ts",
  ]);
});

Deno.test("imports from outside are node's own or pinned to one version in deno.json", async () => {
  const [project, packages] = await Promise.all(["deno.json", "tasks/packages.json"].map(readImports));
  for (const [name, target] of [...Object.entries(project), ...Object.entries(packages)]) {
    assert.match(target, /^npm:(@[\w-]+\/)?[\w.-]+@\d+\.\d+\.\d+(\/.+)?$/, `${name} is not pinned`);
  }
  const wrong: string[] = [];
  for (const folder of ["src", "tasks", "tests"]) {
    for await (const { path, text } of sourceFiles(folder, /\.ts$/)) {
      for (const specifier of importsOf(text)) {
        const known = /^\.|^node:/.test(specifier) || Object.hasOwn(project, specifier);
        if (!known) wrong.push(`${path} imports ${specifier}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
});

Deno.test("what deno task fetches is what deno.json names and that needs, and no package that is fetched on demand", async () => {
  const lock: { npm: Record<string, unknown> } = JSON.parse(await Deno.readTextFile(new URL("deno.lock", root)));
  const locked = Object.keys(lock.npm).map((name) => name.replace(/(?<=.)@.*/, ""));
  assert.ok(locked.includes("assemblyscript"));
  const onDemand = Object.keys(await readImports("tasks/packages.json"));
  assert.deepEqual(locked.filter((name) => onDemand.includes(name)), []);
});

Deno.test("no file of code has grown too long", async () => {
  const long: string[] = [];
  for (const folder of ["src", "kernels", "tasks", "tests"]) {
    for await (const { path, text } of sourceFiles(folder, /\.(ts|wgsl)$/)) {
      const lines = text.split("\n").length - 1;
      if (lines > maxLines) long.push(`${path}: ${lines} lines`);
    }
  }
  assert.deepEqual(long, []);
});

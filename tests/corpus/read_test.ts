import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { readCorpus } from "../../src/corpus/read.ts";
import { UserError } from "../../src/errors.ts";
import {
  bytes,
  collect,
  collectFile,
  decoder,
  encoder,
  failure,
  gzip,
  streamOf,
  tarOf,
  withFiles,
  zipOf,
  zstd,
} from "./support.ts";

const names = (folder: string, paths: string[]) => paths.map((path) => path.slice(folder.length + 1));

Deno.test("folders are read in name order; hidden, binary, linked and filtered files are counted", async () => {
  const files = {
    "b.py": "b",
    "a/z.cpp": "z",
    "a/B.py": "B",
    "a.py": "a",
    "build/out.py": "no",
    ".git/config": "no",
    ".env": "no",
    "logo.png": new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0, 0]),
    "old.tar.xz": "no",
    "notes.md": "no",
  };
  await withFiles(files, async (folder) => {
    await Deno.symlink(folder, `${folder}/loop`);
    await Deno.symlink(`${folder}/a.py`, `${folder}/link.py`);
    const { texts, paths, languages, report } = await collect([folder], { exclude: ["build", "*.md"] });
    deepStrictEqual(names(folder, paths), ["a/B.py", "a/z.cpp", "a.py", "b.py"]);
    deepStrictEqual(texts, ["B", "z", "a", "b"]);
    deepStrictEqual(languages, ["python", "cpp", "python", "python"]);
    const { skippedHidden, skippedBinary, skippedLinks, skippedFiltered, skippedUnsupported } = report;
    deepStrictEqual([skippedHidden, skippedBinary, skippedLinks, skippedFiltered, skippedUnsupported], [2, 1, 2, 2, 1]);
    deepStrictEqual(report.languages, { python: { documents: 3, bytes: 3 }, cpp: { documents: 1, bytes: 1 } });
    strictEqual(report.totalBytes, report.bytesRead);
  });
});

Deno.test("globs: names at any depth, paths from the root, braces, classes, folders", async () => {
  const files = { "a.py": "1", "src/b.cpp": "2", "src/deep/c.h": "3", "test/d.py": "4", "x1.c": "5" };
  await withFiles(files, async (folder) => {
    const read = async (include: string[], exclude: string[] = []) =>
      names(folder, (await collect([folder], { include, exclude })).paths).join(" ");
    strictEqual(await read(["*.py"]), "a.py test/d.py");
    strictEqual(await read(["*.{cpp,h}"]), "src/b.cpp src/deep/c.h");
    strictEqual(await read(["src/*"]), "src/b.cpp src/deep/c.h");
    strictEqual(await read(["src/*.h"]), "");
    strictEqual(await read(["src/**/*.h"]), "src/deep/c.h");
    strictEqual(await read(["x[0-9].?"]), "x1.c");
    strictEqual(await read(["[!ax].py"]), "test/d.py");
    strictEqual(await read([], ["test/", "deep"]), "a.py src/b.cpp x1.c");
    match((await failure(read(["[a"]))).message, /unclosed \[/);
    match((await failure(read(["{a"]))).message, /unclosed \{/);
  });
});

Deno.test("stacked formats are peeled layer by layer", async () => {
  const tar = tarOf({ name: "x.py", data: "in tar" }, { name: "y.jsonl.gz", data: gzip('{"text": "in jsonl"}\n') });
  const zip = zipOf([{ name: "in.tar.zst", data: zstd(tar) }, { name: "z.c", data: "in zip" }]);
  const files = {
    "1.tar.gz": gzip(tar),
    "2.tgz": gzip(tar),
    "3.tar.zst": zstd(tar),
    "4.zip": zip,
    "5.jsonl.zst": zstd('{"text": "line"}'),
    "6.tar": tarOf({ name: "in.zip", data: zip }),
  };
  const inTar = ["in tar", "in jsonl"];
  await withFiles(files, async (folder) => {
    const { texts, paths, report } = await collect([folder]);
    deepStrictEqual(texts, [...inTar, ...inTar, ...inTar, ...inTar, "in zip", "line", ...inTar, "in zip"]);
    ok(names(folder, paths).includes("6.tar/in.zip/in.tar.zst/y.jsonl.gz:1"));
    strictEqual(report.totalBytes, report.bytesRead);
    // Include globs look through containers at what is in them.
    deepStrictEqual((await collect([folder], { include: ["*.c"] })).texts, ["in zip", "in zip"]);
  });
});

Deno.test("containers nested without end are refused", async () => {
  let nested = zstd("text");
  let name = "a.txt.zst";
  for (let i = 0; i < 9; i++, name += ".zst") nested = zstd(nested);
  match((await failure(collectFile(name, nested))).message, /more than 8 deep/);
});

Deno.test("standard input is told by its first bytes", async () => {
  const jsonl = '{"text": "one"}\n{"text": "two"}\n';
  const tar = tarOf({ name: "x.py", data: "in tar" });
  const zip = zipOf([{ name: "x.py", data: "in zip" }, { name: "y.jsonl", data: jsonl }]);
  const cases: [Uint8Array, string[]][] = [
    [bytes(jsonl), ["one", "two"]],
    [gzip(jsonl), ["one", "two"]],
    [zstd(jsonl), ["one", "two"]],
    [tar, ["in tar"]],
    [gzip(tar), ["in tar"]],
    [zstd(tar), ["in tar"]],
    [zip, ["in zip", "one", "two"]],
    [gzip(zip), ["in zip", "one", "two"]],
    [bytes("{ just text }"), ["{ just text }"]],
  ];
  for (const [input, texts] of cases) {
    const result = await collect(["-"], { stdin: streamOf(input, 100) });
    deepStrictEqual(result.texts, texts);
    strictEqual(result.report.totalBytes, null);
    strictEqual(result.report.bytesRead, input.length);
  }
});

Deno.test("a zip archive from standard input is held in memory, and refused where it is larger than a document may be", async () => {
  const zip = zipOf([{ name: "a.py", data: "x".repeat(5000), stored: true }, { name: "b.py", data: "two" }]);
  const read = (maxDocumentBytes: number) => collect(["-"], { stdin: streamOf(zip, 100), maxDocumentBytes });
  const { paths } = await read(zip.length);
  deepStrictEqual(paths, ["-/a.py", "-/b.py"]);
  const error = await failure(read(zip.length - 1));
  ok(error instanceof UserError);
  match(error.message, /^-: more than 5\d\d\d bytes.*zip archive of at most that size.*\n.*path instead of -/);
});

Deno.test("a file named by itself is read whatever its name; one that cannot be is an error", async () => {
  deepStrictEqual((await collectFile("strange.xyz", "text", { include: ["*.py"] })).texts, ["text"]);
  deepStrictEqual((await collectFile("corpus", gzip('{"text": "one"}\n'))).texts, ["one"]);
  for (const [name, contents] of [["a.png", "a\0b"], ["a.xz", "\xfd7zXZ"], ["b", "BZh91AY"]]) {
    ok(await failure(collectFile(name, contents)) instanceof UserError);
  }
  match((await failure(collect(["/does/not/exist"]))).message, /\/does\/not\/exist: no such file or folder/);
  ok(await failure(collect([])) instanceof UserError);
});

Deno.test("byte order marks, UTF-16 and undecodable bytes: always well-formed UTF-8, always counted", async () => {
  const utf16 = (text: string, big: boolean) =>
    bytes(...[..."\ufeff" + text].map((c) => {
      const code = c.charCodeAt(0);
      return big ? [code >> 8, code & 255] : [code & 255, code >> 8];
    }));
  deepStrictEqual((await collectFile("a.py", "\ufeffcafé")).texts, ["café"]);
  deepStrictEqual((await collectFile("a.py", utf16("café", false))).texts, ["café"]);
  deepStrictEqual((await collectFile("a.py", utf16("café", true))).texts, ["café"]);
  const latin1 = bytes("# caf", [0xe9], " and more text");
  const replaced = await collectFile("a.py", latin1);
  deepStrictEqual(replaced.texts, ["# caf\ufffd and more text"]);
  strictEqual(replaced.report.replacedUndecodable, 1);
  const skipped = await collectFile("a.py", latin1, { undecodable: "skip" });
  deepStrictEqual(skipped.texts, []);
  strictEqual(skipped.report.skippedUndecodable, 1);
});

Deno.test("documents of 10 characters or fewer are left out unless told otherwise", async () => {
  const files = { "a.py": "é".repeat(10), "b.py": "é".repeat(11), "c.py": "" };
  await withFiles(files, async (folder) => {
    const { documents, report } = readCorpus([folder]);
    const paths: string[] = [];
    for await (const { path } of documents) paths.push(path);
    deepStrictEqual(names(folder, paths), ["b.py"]);
    strictEqual(report.skippedShort, 1);
    strictEqual(report.skippedEmpty, 1);
  });
});

Deno.test("an abort ends the reading, also while standard input waits", async () => {
  const controller = new AbortController();
  const never = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => {}) });
  const reading = collect(["-"], { stdin: never, signal: controller.signal });
  setTimeout(() => controller.abort(new Error("stop")), 10);
  strictEqual((await failure(reading)).message, "stop");

  const files = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`${i}.py`, "text"]));
  await withFiles(files, async (folder) => {
    const second = new AbortController();
    let seen = 0;
    const { documents } = readCorpus([folder], { minDocLength: 0, signal: second.signal });
    const error = await failure((async () => {
      for await (const _ of documents) if (++seen === 3) second.abort(new Error("stop"));
    })());
    strictEqual(error.message, "stop");
    strictEqual(seen, 3);
  });
});

/** The highest resident memory of this process, bytes; where the system does not tell, what it is now. */
function peakMemory(): number {
  try {
    const line = /VmHWM:\s+(\d+) kB/.exec(Deno.readTextFileSync("/proc/self/status"));
    if (line) return Number(line[1]) * 1024;
  } catch {
    // There is no such file.
  }
  return Deno.memoryUsage().rss;
}

// As a program: reads standard input, and prints how many documents there were and how much memory it took.
if (import.meta.main) {
  const { signal } = new AbortController();
  let documents = 0;
  for await (const _ of readCorpus(["-"], { signal }).documents) documents++;
  console.log(JSON.stringify({ documents, peakBytes: peakMemory() }));
  Deno.exit(0);
}

Deno.test("standard input is not kept: memory stays flat over many times as much", async () => {
  // In a process of its own: what other tests have left to the collector would count here.
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--no-check", new URL(import.meta.url).pathname],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = child.output();
  const lines = encoder.encode(`{"text": "${"x".repeat(65_000)}"}\n`.repeat(10));
  const input = ReadableStream.from((function* () {
    for (let i = 0; i < 500; i++) yield lines; // 325 MB
  })());
  await input.pipeTo(child.stdin).catch(() => {}); // it tells why it has ended
  const { success, stdout, stderr } = await output;
  ok(success, decoder.decode(stderr));
  const { documents, peakBytes } = JSON.parse(decoder.decode(stdout));
  strictEqual(documents, 5000);
  ok(peakBytes < 250e6, `${peakBytes} bytes`);
});

Deno.test("leaving the iteration early closes every file", async () => {
  const files: Record<string, string | Uint8Array> = { "0.tar.gz": gzip(tarOf({ name: "x.py", data: "in tar" })) };
  for (let i = 1; i < 30; i++) files[`${i}.py`] = "text";
  await withFiles(files, async (folder) => {
    for await (const _ of readCorpus([folder], { minDocLength: 0 }).documents) break;
  });
});

Deno.test("progress is reported up to the whole", async () => {
  await withFiles({ "a.py": "some text here", "b.py": "some more text" }, async (folder) => {
    const seen: number[] = [];
    const { report } = await collect([folder], { onProgress: ({ bytesRead }) => seen.push(bytesRead) });
    strictEqual(seen.at(-1), 28);
    strictEqual(report.totalBytes, 28);
  });
});

Deno.test({
  name: "a pipe that is named is read to its end, and one that never ends can be stopped",
  ignore: Deno.build.os === "windows",
  fn: () =>
    withFiles({ "a.jsonl": '{"text": "in a pipe"}\n' }, async (folder) => {
      const pipe = `${folder}/pipe`;
      strictEqual((await new Deno.Command("mkfifo", { args: [pipe] }).output()).code, 0);
      const writer = new Deno.Command("sh", { args: ["-c", `cat ${folder}/a.jsonl > ${pipe}`] }).spawn();
      deepStrictEqual((await collect([pipe], { jsonKey: "text" })).texts, ["in a pipe"]);
      await writer.status;

      using held = Deno.openSync(pipe, { read: true, write: true });
      held.writeSync(new TextEncoder().encode('{"text": "and more"}\n'));
      const controller = new AbortController();
      setTimeout(() => controller.abort(new Error("enough")), 50);
      const error = await failure(collect([pipe], { signal: controller.signal }));
      match(error.message, /enough/);
    }),
});

Deno.test("a pipe that nobody writes to can be given up", {
  ignore: Deno.build.os === "windows",
  sanitizeOps: false, // the open goes on until somebody writes
}, () =>
  withFiles({}, async (folder) => {
    const pipe = `${folder}/pipe`;
    strictEqual((await new Deno.Command("mkfifo", { args: [pipe] }).output()).code, 0);
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("enough")), 20);
    strictEqual((await failure(collect([pipe], { signal: controller.signal }))).message, "enough");
    const writer = await Deno.open(pipe, { write: true });
    writer.close();
  }));

Deno.test("texts of any size are the same from a folder, a tar and a zip; binary and too large ones are counted", async () => {
  // Up to 64 KiB a text is read at once.
  const sizes = [0, 1, 65535, 65536, 65537, 300_000];
  const entries = [
    ...sizes.map((size, i) => ({ name: `${i}.py`, data: "x = 1\ny = 2\n".repeat(size / 12 + 1).slice(0, size) })),
    { name: "binary.py", data: new Uint8Array(70) },
    { name: "large binary.py", data: new Uint8Array(70_000) },
  ];
  const files = Object.fromEntries(entries.map(({ name, data }) => [`d/${name}`, data]));
  await withFiles({ ...files, "a.tar": tarOf(...entries), "a.zip": zipOf(entries) }, async (folder) => {
    const sizesFrom = async (path: string, maxFileSize?: number) => {
      const { texts, report } = await collect([`${folder}/${path}`], { minDocLength: 0, maxFileSize });
      for (const [i, text] of texts.entries()) ok(entries[i + 1].data === text);
      return [texts.map(({ length }) => length), report.files, report.skippedBinary, report.skippedTooLarge];
    };
    for (const path of ["d", "a.tar", "a.zip"]) {
      deepStrictEqual(await sizesFrom(path), [sizes.slice(1), 6, 2, 0], path);
      deepStrictEqual(await sizesFrom(path, 65535), [[1, 65535], 6, 2, 3], path);
      deepStrictEqual(await sizesFrom(path, 65536), [[1, 65535, 65536], 6, 2, 2], path);
    }
    // Where a small member is cut off, the error says where, and those before it are kept.
    const cut = bytes(tarOf(entries[1], entries[2]).subarray(0, 3000));
    Deno.writeFileSync(`${folder}/cut.tar`, cut);
    match(
      (await failure(collect([`${folder}/cut.tar`]))).message,
      /cut\.tar, byte 3000: the tar archive ends inside 2\.py/,
    );
    const { texts, report } = await collect([`${folder}/cut.tar`], { onError: "skip", minDocLength: 0 });
    deepStrictEqual([texts, report.skippedDamaged > 0], [["x"], true]);
  });
});

Deno.test("a damaged text is counted as damaged and not as read, whatever its size", async () => {
  const sizes = [10, 10_000, 65536, 65537, 300_000];
  const archive = zipOf(sizes.map((size) => ({ name: `${size}.py`, data: "x".repeat(size), crc: 7 })));
  await withFiles({ "a.zip": archive }, async (folder) => {
    const { texts, report } = await collect([`${folder}/a.zip`], { onError: "skip" });
    deepStrictEqual([texts, report.files, report.skippedDamaged], [[], 0, 5]);
  });
});

Deno.test("a folder of which nothing more is taken lets an abort in", () =>
  withFiles({ "0.py": "some text here" }, async (folder) => {
    for (let i = 1; i <= 300; i++) Deno.writeFileSync(`${folder}/${i}.py`, new Uint8Array(100));
    const controller = new AbortController();
    const { documents, report } = readCorpus([folder], { signal: controller.signal });
    const reading = (async () => {
      for await (const _ of documents) {
        // What comes in while the reading begins would say nothing. Long after the last breath, the next file brings one.
        await new Promise((resolve) => setTimeout(resolve, 200));
        setTimeout(() => controller.abort(new Error("enough")), 0);
      }
    })();
    match((await failure(reading)).message, /enough/);
    strictEqual(report.skippedBinary, 0);
  }));

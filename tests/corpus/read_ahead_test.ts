/** Reading ahead in a folder: what is read, and what is counted when, is the same with and without. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { ReadContext } from "../../src/corpus/content.ts";
import { readBlocks } from "../../src/corpus/read.ts";
import { createReadAhead } from "../../src/corpus/read_ahead.ts";
import { openFolderFiles } from "../../src/corpus/read_files.ts";
import { copyReport, createReport } from "../../src/corpus/report.ts";
import { withFiles } from "./support.ts";

/** Runs with threads that keep what they are told. */
async function withThreads(action: (told: string[][]) => Promise<void> | void): Promise<void> {
  const own = globalThis.Worker;
  const told: string[][] = [];
  globalThis.Worker = class {
    postMessage(paths: string[]) {
      told.push(paths);
    }
    terminate() {}
  } as unknown as typeof Worker;
  try {
    await action(told);
  } finally {
    globalThis.Worker = own;
  }
}

Deno.test("files are read ahead for as long as reading is slow", () =>
  withThreads((told) => {
    using ahead = createReadAhead(5);
    const expectAll = (count: number) => Array.from({ length: count }, (_, i) => ahead.expect(`${i}`));
    for (let i = 0; i < 1000; i++) ahead.took(i % 3 === 0 ? 1000 : 1); // slow now and then
    expectAll(3000);
    strictEqual(ahead.depth, 1);
    strictEqual(told.length, 0);

    for (let i = 0; i < 20; i++) ahead.took(5);
    ok(ahead.depth > 100);
    expectAll(3000);
    strictEqual(ahead.depth, 1, "it is tried again whether reading is slow");
    deepStrictEqual(told.flat(), Array.from({ length: told.flat().length }, (_, i) => `${i}`));
    ok(told.flat().length >= 1000 && told.every((paths) => paths.length <= 20));
  }));

Deno.test("a walk past thousands of entries that are not taken lets others have their turns", () => {
  let walked = 0;
  const filter = {
    file: () => walked++ >= 0 ? "filtered" : "take",
    folder: () => "take",
    document: () => false,
  } as const;
  const report = createReport();
  const entries = Array.from(
    { length: 20_000 },
    (_, i) => ({ name: `${i}`, isFile: true, isDirectory: false, isSymlink: false }),
  );
  const own = Deno.readDirSync;
  Deno.readDirSync = () => entries.values();
  try {
    const seen: number[] = [];
    for (const step of openFolderFiles({ report, filter } as unknown as ReadContext, "x", () => false)) {
      strictEqual(step, null);
      seen.push(walked);
    }
    ok(seen.length > 50 && seen[0] < 1000, `${seen.length} turns, the first after ${seen[0]} entries`);
    strictEqual(report.skippedFiltered, 20_000);
  } finally {
    Deno.readDirSync = own;
  }
});

Deno.test("a folder that is read ahead gives the same blocks, and the same counts with each", async () => {
  const files: Record<string, string> = {};
  for (let i = 0; i < 400; i++) {
    files[`in/${i % 7}/${String(i).padStart(3, "0")}.py`] = `x = ${i}\n`.repeat(4);
    if (i % 5 === 0) files[`in/${i % 7}/.hidden${i}`] = "x";
    if (i % 9 === 0) files[`in/${i % 7}/${i}.rar`] = "x";
  }
  const read = async (folder: string) => {
    const found: unknown[] = [];
    const { blocks, report, cursor } = readBlocks([`${folder}/in`]);
    for await (const { label, bytes } of blocks) {
      const { totalBytes: _, ...counts } = copyReport(report);
      found.push({ label, text: new TextDecoder().decode(bytes), counts, cursor: cursor() });
    }
    return found;
  };
  await withFiles(files, async (folder) => {
    const plain = await read(folder);
    strictEqual(plain.length, 400);
    const { now } = performance;
    const clock = { ms: 0 };
    performance.now = () => clock.ms += 10; // everything is slow
    try {
      await withThreads(async (told) => {
        deepStrictEqual(await read(folder), plain);
        ok(told.flat().length > 300, `${told.flat().length} files read ahead`);
      });
      deepStrictEqual(await read(folder), plain, "with real threads");
    } finally {
      performance.now = now;
    }
  });
});

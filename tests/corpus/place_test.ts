/** Reading on from any place gives what was left, and the same counts, as a reading that went through. */
import { deepStrictEqual, ok } from "node:assert/strict";
import { parquetWriteBuffer } from "hyparquet-writer";
import { createBlockParser } from "../../src/corpus/parse.ts";
import type { ReadCursor } from "../../src/corpus/place.ts";
import { createCorpusGate, readBlocks } from "../../src/corpus/read.ts";
import { copyReport, type CorpusReport, createReport, joinReports, restoreReport } from "../../src/corpus/report.ts";
import { UserError } from "../../src/errors.ts";
import { failure, gzip, tarOf, withFiles, zipOf, zstd } from "./support.ts";

const options = { minDocLength: 0, onError: "skip" as const };

interface Step {
  cursor: ReadCursor;
  reading: CorpusReport;
  gate: CorpusReport;
  texts: string[];
}

/** Reads to the end; a step for every block, with path, language and text of all documents up to it. */
async function readOn(
  paths: string[],
  from: Step | null,
  more: { maxDocumentBytes?: number } = {},
): Promise<{ steps: Step[]; report: CorpusReport; texts: string[] }> {
  const { blocks, report, cursor } = readBlocks(
    paths,
    { ...options, ...more },
    from && { cursor: from.cursor, report: from.reading },
  );
  const counts = createReport();
  if (from) restoreReport(counts, from.gate);
  const gate = createCorpusGate(counts, options);
  const parse = await createBlockParser({ ...options, ...more });
  const texts = [...from?.texts ?? []];
  const steps: Step[] = [];
  for await (const block of blocks) {
    const parsed = parse(block, ({ text, ...document }) => {
      if (!gate.admit({ ...document, textBytes: text.length })) return;
      texts.push(`${document.path} ${document.language} ${new TextDecoder().decode(text)}`);
    });
    gate.count(parsed);
    steps.push({ cursor: cursor(), reading: copyReport(report), gate: copyReport(counts), texts: [...texts] });
  }
  const joined = joinReports(report, counts);
  return { steps, report: { ...joined, bytesRead: 0, totalBytes: 0, current: "" }, texts };
}

const lines = (name: string, count: number, size = 10) =>
  Array.from({ length: count }, (_, i) => `${JSON.stringify({ text: `${name} ${i} ${"x".repeat(size)}` })}\n`).join("");

const files = {
  "in/a.py": "one\n",
  "in/.hidden": "hidden\n",
  "in/b/deep.py": "two\n",
  "in/b/packed.jsonl.gz": gzip(lines("gz", 200, 400)),
  "in/binary.py": new Uint8Array(50),
  "in/c.tar": tarOf(
    { name: "m1.py", data: "three\n" },
    { name: "link", type: "2" },
    { name: "m2.jsonl", data: lines("tar", 30) + "broken\n" + lines("tar again", 3) },
    { name: "m3.jsonl", data: lines("same name", 2) },
    { name: "m3.jsonl", data: lines("same name again", 2) },
    { name: "end.bin", data: "\0\0\0" },
  ),
  "in/d.zip": zipOf([{ name: "z1.py", data: "four\n" }, { name: "z2.jsonl", data: lines("zip", 5) }]),
  "in/e.jsonl": lines("plain", 10_000, 300),
  "in/f.jsonl.zst": zstd(lines("zst", 1000, 300)),
  "in/z.txt": "last\n",
};

Deno.test("a reading goes on from behind any block: the rest of the documents, the counts of one that went through", () =>
  withFiles(files, async (folder) => {
    const paths = [`${folder}/in`, `${folder}/in/e.jsonl`, `${folder}/in/a.py`];
    const whole = await readOn(paths, null);
    ok(whole.steps.length > 15, `${whole.steps.length} blocks`);
    deepStrictEqual([whole.report.skippedDamaged, whole.report.skippedHidden, whole.report.skippedBinary], [1, 1, 2]);
    for (const step of whole.steps) {
      const { texts, report } = await readOn(paths, step);
      deepStrictEqual(texts, whole.texts);
      deepStrictEqual(report, whole.report);
    }
  }));

Deno.test("a reading goes on behind a member whose first line was too long", () => {
  const long = `${JSON.stringify({ text: "y".repeat(1_200_000) })}\n`;
  const archive = tarOf(
    { name: "a.jsonl", data: lines("first", 2000, 1000) },
    { name: "b.jsonl", data: long + lines("second", 2000, 1000) },
  );
  return withFiles({ "a.tar": archive }, async (folder) => {
    const limited = { maxDocumentBytes: 100_000 };
    const whole = await readOn([`${folder}/a.tar`], null, limited);
    deepStrictEqual([whole.texts.length, whole.report.skippedDamaged], [4000, 1]);
    for (const step of whole.steps) {
      deepStrictEqual((await readOn([`${folder}/a.tar`], step, limited)).texts.length, 4000);
    }
  });
});

Deno.test("a place in the middle of what a decompressor gives at a time is found too", () =>
  withFiles(files, async (folder) => {
    const paths = [`${folder}/in/f.jsonl.zst`];
    const { steps: [first], texts } = await readOn(paths, null);
    const encoder = new TextEncoder();
    let offset = 0;
    for (const [i, line] of lines("zst", 1000, 300).trimEnd().split("\n").entries()) {
      offset += encoder.encode(line).length + 1;
      if (i % 97 !== 0) continue;
      const cursor = { ...first.cursor, stream: 0, offset, line: i + 2 };
      const rest = await readOn(paths, { ...first, cursor, texts: [] });
      deepStrictEqual(rest.texts, texts.slice(i + 1));
    }
  }));

/** A table of three row groups, the first of 2.5 MB of text and so of several blocks; some rows have no text, or no path. */
function table(name: string): Uint8Array {
  const sizes = Array.from({ length: 60 }, (_, i) => i < 25 ? 100_000 : i);
  const text = sizes.map((size, i) => i % 7 === 3 ? null : `${name} ${i} é${"x".repeat(size)}`);
  return new Uint8Array(parquetWriteBuffer({
    rowGroupSize: 25,
    columnData: [
      { name: "text", data: text, type: "STRING" },
      { name: "path", data: text.map((_, i) => i % 5 === 4 ? null : `src/f${i}.py`), type: "STRING" },
    ],
  }));
}

Deno.test("a reading goes on in the middle of a table and of a row group", () =>
  withFiles({ "in/a.parquet": table("a"), "in/b.py": "two\n", "in/c.parquet": table("c") }, async (folder) => {
    const whole = await readOn([`${folder}/in`], null);
    const rows = whole.steps.map(({ cursor }) => cursor.offset);
    deepStrictEqual(rows, [13, 25, 50, 60, 1, 13, 25, 50, 60]);
    deepStrictEqual([whole.texts.length, whole.report.files, whole.report.uncheckedRowGroups], [103, 3, 6]);
    for (const step of whole.steps) {
      const { texts, report } = await readOn([`${folder}/in`], step);
      deepStrictEqual(texts, whole.texts);
      deepStrictEqual(report, whole.report);
    }
    // Where blocks were cut at other rows: the place is within one.
    const texts = (await readOn([`${folder}/in/a.parquet`], null)).texts;
    const [first] = (await readOn([`${folder}/in/a.parquet`], null)).steps;
    for (let row = 1; row < 60; row++) {
      const rest = await readOn([`${folder}/in/a.parquet`], {
        ...first,
        cursor: { ...first.cursor, offset: row },
        texts: [],
      });
      const before = Array.from({ length: row }, (_, i) => i).filter((i) => i % 7 !== 3).length;
      deepStrictEqual(rest.texts, texts.slice(before), `row ${row}`);
    }
  }));

Deno.test("a file that has changed, moved, gone or come before the place is refused", () =>
  withFiles(files, async (folder) => {
    const paths = [`${folder}/in`];
    const { steps } = await readOn(paths, null);
    const step = steps[steps.length - 1];
    const refused = async (what: RegExp) => {
      const error = await failure(readOn(paths, step));
      ok(error instanceof UserError && what.test(error.message), error.message);
    };
    const path = `${folder}/in/b/deep.py`;
    const { mtime } = Deno.statSync(path);
    Deno.utimeSync(path, 5, 5);
    await refused(/has changed/);
    Deno.utimeSync(path, mtime ?? 0, mtime ?? 0);
    Deno.renameSync(path, `${folder}/deep.py`);
    await refused(/added, removed or renamed|only \d+ files/);
    Deno.renameSync(`${folder}/deep.py`, path);
    Deno.writeTextFileSync(`${folder}/in/aa.py`, "new");
    await refused(/added, removed or renamed/);
    Deno.removeSync(`${folder}/in/aa.py`);
    deepStrictEqual((await readOn(paths, step)).texts, step.texts);
  }));

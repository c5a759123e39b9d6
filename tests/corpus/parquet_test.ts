/** Parquet files with a column of text, written by another library. */
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { parquetMetadata } from "hyparquet";
import { parquetWriteBuffer } from "hyparquet-writer";
import { FormatError, UserError } from "../../src/errors.ts";
import {
  bitFlips,
  collect,
  collectFile,
  failure,
  gzip,
  rightOrError,
  streamOf,
  tarOf,
  truncations,
  withFiles,
} from "./support.ts";

const sources = Array.from({ length: 250 }, (_, i) => `def f${i}(x):\n    return x + ${i} # é${"!".repeat(i % 50)}\n`);

const compressors = {
  GZIP: (input: Uint8Array) => new Uint8Array(gzipSync(input)),
  ZSTD: (input: Uint8Array) => new Uint8Array(zstdCompressSync(input)),
  BROTLI: (input: Uint8Array) => new Uint8Array(brotliCompressSync(input)),
};
type Codec = "UNCOMPRESSED" | "SNAPPY" | keyof typeof compressors;

/** A file in the form of The Stack: `content`, the path and the language, and columns that are not needed. */
function stackFile(texts: (string | null)[], codec: Codec = "SNAPPY", rowGroupSize = 100): Uint8Array {
  const column = (name: string, data: unknown[], type: "STRING" | "INT64" | "DOUBLE") => ({ name, data, type });
  return new Uint8Array(parquetWriteBuffer({
    codec,
    compressors,
    rowGroupSize,
    pageSize: 4000,
    columnData: [
      column("hexsha", texts.map((_, i) => i.toString(16)), "STRING"),
      column("size", texts.map((text) => BigInt(text?.length ?? 0)), "INT64"),
      column("content", texts, "STRING"),
      column(
        "max_stars_repo_path",
        texts.map((_, i) => i % 5 === 4 ? null : `src/f${i}.${i % 2 ? "py" : "rb"}`),
        "STRING",
      ),
      column("max_stars_repo_name", texts.map(() => "me/it"), "STRING"),
      column("lang", texts.map((_, i) => (i % 3 ? "Python" : null)), "STRING"),
      column("alphanum_fraction", texts.map(() => 0.5), "DOUBLE"),
    ],
  }));
}

const options = { jsonKey: "content" };

Deno.test("parquet: texts, paths and languages come out in order, whatever the compression and the row groups", async () => {
  for (const codec of ["UNCOMPRESSED", "SNAPPY", "GZIP", "ZSTD", "BROTLI"] as const) {
    const { texts, paths, languages, report } = await collectFile("a.parquet", stackFile(sources, codec), options);
    deepStrictEqual(texts, sources, codec);
    deepStrictEqual(paths.slice(0, 4), [0, 1, 2, 3].map((i) => `me/it/src/f${i}.${i % 2 ? "py" : "rb"}`));
    match(paths[4], /a\.parquet:5$/);
    match(paths[249], /a\.parquet:250$/);
    deepStrictEqual(languages.slice(0, 5), ["ruby", "python", "python", "python", "python"]);
    deepStrictEqual([report.files, report.documents, report.uncheckedRowGroups], [1, 250, 3]);
    strictEqual(report.bytesRead, report.totalBytes);
  }
});

Deno.test("parquet: filters, globs and empty rows work as for other inputs; folders and first bytes tell the kind", async () => {
  const file = stackFile([null, "", "x = 1", "y = 2", "z = 3", "x = 1"]);
  await withFiles({ "d/a.parquet": file, strange: file }, async (folder) => {
    const { texts, report } = await collect([`${folder}/d`], { ...options, include: ["*.py"], deduplicate: true });
    deepStrictEqual(texts, ["y = 2", "x = 1"]);
    deepStrictEqual([report.skippedEmpty, report.skippedFiltered, report.documents], [2, 2, 2]);
    deepStrictEqual((await collect([`${folder}/strange`], options)).texts, ["x = 1", "y = 2", "z = 3", "x = 1"]);
  });
  strictEqual((await collectFile("a.parquet", stackFile([]), options)).texts.length, 0);
});

Deno.test("parquet: many row groups of large texts come back", async () => {
  const texts = Array.from({ length: 90 }, (_, i) => `${i} ${"text and more of it ".repeat(3000 + i)}`);
  const result = await collectFile("a.parquet", stackFile(texts, "ZSTD", 20), options);
  ok(result.texts.every((text, i) => text === texts[i]));
  const told: string[] = [];
  const small = { ...options, maxDocumentBytes: 60_100, onError: "skip" as const };
  const { report } = await collectFile("a.parquet", stackFile(texts, "ZSTD", 20), {
    ...small,
    onDamage: (what) => told.push(what),
  });
  deepStrictEqual([report.documents, report.skippedDamaged], [5, 85]);
  match(told[0], /a\.parquet:6: more than 60100 bytes/);
});

Deno.test("parquet: the wrong column, a stream and an archive are refused with what to do", async () => {
  const file = stackFile(sources.slice(0, 3));
  const cases: [() => Promise<unknown>, RegExp][] = [
    [() => collectFile("a.parquet", file), /no column "text".*\n.*"hexsha", "size", "content".*--json_key/],
    [() => collectFile("a.parquet", file, { jsonKey: "size" }), /the column "size" holds no text/],
    [
      () => collect(["-"], { ...options, stdin: streamOf(file) }),
      /-: a parquet file is not read from a stream.*\n.*path/,
    ],
    [
      () => collectFile("a.parquet.gz", gzip(file), options),
      /a\.parquet\.gz: a parquet file is not read from a stream/,
    ],
    [
      () => collectFile("a.tar", tarOf({ name: "b.parquet", data: file }), options),
      /a\.tar\/b\.parquet: a parquet file/,
    ],
  ];
  for (const [read, message] of cases) {
    const error = await failure(read());
    ok(error instanceof UserError, error.stack);
    match(error.message, message);
  }
  // LZ4 in Hadoop's own frames, which the format has given up for LZ4_RAW.
  const lz4 = new Uint8Array(parquetWriteBuffer({
    codec: "LZ4",
    compressors: { LZ4: (input) => input },
    columnData: [{ name: "text", data: ["one", "two"], type: "STRING" }],
  }));
  match((await failure(collectFile("a.parquet", lz4))).message, /compressed with LZ4 \(expected .*LZ4_RAW\)\n.*again/);
});

Deno.test("parquet: without the text's column, a file none of whose rows could pass the globs is left out, any other an error", async () => {
  const table = (name: string, ...more: string[]) =>
    new Uint8Array(parquetWriteBuffer({
      columnData: [name, ...more].map((name) => ({ name, data: ["x", "y"], type: "STRING" as const })),
    }));
  const files = { "in/a.ts": "let x = 1;", "in/m/metrics.parquet": table("step", "loss"), "in/z.ts": "let y = 2;" };
  await withFiles(files, async (folder) => {
    const { texts, report } = await collect([`${folder}/in`], { include: ["*.ts"] });
    deepStrictEqual(texts, ["let x = 1;", "let y = 2;"]);
    deepStrictEqual([report.files, report.skippedFiltered, report.skippedDamaged], [2, 1, 0]);
    deepStrictEqual((await collect([`${folder}/in`], { exclude: ["m/"] })).texts, texts);
    // Named by itself, or with nothing that leaves it out: an error that says what there is.
    const told = /metrics\.parquet: no column "text".*\n.*"step", "loss";.*--json_key.*--exclude/;
    const path = `${folder}/in/m/metrics.parquet`;
    const cases: [string, string[]][] = [[`${folder}/in`, []], [`${folder}/in`, ["*.parquet"]], [path, ["*.ts"]]];
    for (const [input, include] of cases) {
      const error = await failure(collect([input], { include }));
      ok(error instanceof UserError, error.stack);
      match(error.message, told);
    }
    // Among other files it is left out where damage is; named by itself it is an error in any case.
    const lost: string[] = [];
    const skipping = { onError: "skip" as const, onDamage: (what: string) => lost.push(what) };
    const left = await collect([`${folder}/in`], skipping);
    deepStrictEqual([left.texts, left.report.skippedDamaged, lost.length], [texts, 1, 1]);
    match(lost[0], told);
    match((await failure(collect([path], skipping))).message, told);
    // With a column of paths, rows could pass.
    await Deno.writeFile(path, table("code", "path"));
    match((await failure(collect([`${folder}/in`], { include: ["*.ts"] }))).message, /no column "text"/);
  });
});

Deno.test("parquet: a cut at any byte is an error, a damaged row group is left out by option", async () => {
  const file = stackFile(["one", "two", "three"], "ZSTD");
  await withFiles({}, async (folder) => {
    for (const cut of truncations(file)) {
      await Deno.writeFile(`${folder}/a.parquet`, cut);
      const error = await failure(collect([`${folder}/a.parquet`], options));
      ok(error instanceof FormatError || error instanceof UserError, error.stack);
      match(error.message, /a\.parquet/);
    }
  });
  const whole = stackFile(sources, "ZSTD");
  const damaged = whole.slice();
  const column = parquetMetadata(whole).row_groups[1].columns[2].meta_data;
  ok(column !== undefined);
  const at = Number(column.data_page_offset) + 60;
  damaged.fill(0, at, at + 20);
  const error = await failure(collectFile("a.parquet", damaged, options));
  ok(error instanceof FormatError);
  match(error.message, /a\.parquet, row group 1, byte \d+: damaged parquet data/);
  const { texts, report } = await collectFile("a.parquet", damaged, { ...options, onError: "skip" });
  deepStrictEqual([texts.length, report.skippedDamaged], [150, 1]);
});

Deno.test("parquet: flipped bits never hang or crash: an error, or rows that the format cannot tell from right ones", async () => {
  const file = stackFile(["one", "two"], "ZSTD");
  let errors = 0;
  let all = 0;
  await withFiles({}, async (folder) => {
    for (const flipped of bitFlips(file)) {
      if (all++ % 7 !== 0) continue;
      await Deno.writeFile(`${folder}/a.parquet`, flipped);
      try {
        const { texts } = await collect([`${folder}/a.parquet`], options);
        ok(texts.length <= 2);
      } catch (error) {
        if (!(error instanceof FormatError) && !(error instanceof UserError)) throw error;
        errors++;
      }
    }
  });
  ok(errors > all / 20, `${errors} of ${all}`);
});

Deno.test("parquet: with page checksums, no flipped bit of a page gives wrong text", async () => {
  // Written by pyarrow: write_table(…, compression="snappy", write_page_checksum=True).
  const file = await Deno.readFile(new URL("./checksummed.parquet", import.meta.url));
  const texts = ["def f(x):\n    return x\n", "int main() { return 0; }\n", "été\n"];
  const { report } = await collectFile("a.parquet", file, options);
  deepStrictEqual([report.documents, report.skippedEmpty, report.uncheckedRowGroups], [3, 1, 0]);
  const footerAt = file.length - 8 - new DataView(file.buffer).getUint32(file.length - 8, true);
  const flips = [...bitFlips(file)].slice(4 * 8, footerAt * 8);
  ok(flips.length > 2000);
  const { errors } = await rightOrError("a.parquet", flips, texts, options);
  ok(errors > 0.85 * flips.length, `${errors} of ${flips.length}`);
});

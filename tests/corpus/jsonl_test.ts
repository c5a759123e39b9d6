import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import type { LinesBlock } from "../../src/corpus/block.ts";
import { countLines, countWithIndexOf } from "../../src/corpus/count_lines.ts";
import { FormatError, UserError } from "../../src/errors.ts";
import { createLineParser } from "../../src/corpus/lines.ts";
import { readBlocks } from "../../src/corpus/read.ts";
import { bytes, collect, collectFile, failure, streamOf, withFiles } from "./support.ts";

Deno.test("jsonl: one line is one document, named by file and line", async () => {
  const file = '\ufeff{"text": "one\\n"}\r\n\n  \n{"id": 3, "text": "two é"}\n{"text": ""}\n{"text": "three"}';
  const { texts, paths, languages, report } = await collectFile("a.jsonl", file);
  deepStrictEqual(texts, ["one\n", "two é", "three"]);
  deepStrictEqual(paths.map((path) => path.slice(-9)), ["a.jsonl:1", "a.jsonl:4", "a.jsonl:6"]);
  deepStrictEqual(languages, [null, null, null]);
  strictEqual(report.skippedEmpty, 3);
  strictEqual(report.files, 1);
});

Deno.test("jsonl: repo, path and language fields name the document, and the globs look at the path", async () => {
  const file = [
    { text: "a", path: "src/a.py", repo: "me/it" },
    { text: "b", path: "b.txt", lang: "C++" },
    { text: "c", language: "Rust" },
    { text: "d", path: "tests/d.py" },
  ].map((line) => JSON.stringify(line)).join("\n");
  const { paths, languages } = await collectFile("a.jsonl", file);
  deepStrictEqual(paths.map((path) => path.replace(/^.*a\.jsonl/, "a.jsonl")), [
    "me/it/src/a.py",
    "b.txt",
    "a.jsonl:3",
    "tests/d.py",
  ]);
  deepStrictEqual(languages, ["python", "cpp", "rust", "python"]);
  const filtered = await collectFile("a.jsonl", file, { include: ["*.py"], exclude: ["tests"] });
  deepStrictEqual(filtered.texts, ["a", "c"]);
  strictEqual(filtered.report.skippedFiltered, 2);
});

Deno.test("jsonl: bad lines are errors that name file, line, byte and what to do", async () => {
  const good = '{"text": "x"}\n';
  const cases: [string, RegExp][] = [
    [`${good}{"text": "cut`, /a\.jsonl:2, byte 27: not JSON: the text ends early/],
    [`${good}\n[1]\n`, /a\.jsonl:3, byte 15: the line is not a JSON object/],
    [`${good}{"code": "x"}\n`, /a\.jsonl:2, byte 14: no key "text".*\n.*the line has "code".*--json_key/],
    [`${good}{"text": 5}\n`, /a\.jsonl:2, byte 14: the key "text" holds no text/],
    [`{"toString": 1}`, /no key "text"/],
  ];
  for (const [file, message] of cases) {
    const error = await failure(collectFile("a.jsonl", file));
    ok(error instanceof FormatError);
    match(error.message, message);
  }
  deepStrictEqual((await collectFile("a.jsonl", '{"code": "x"}', { jsonKey: "code" })).texts, ["x"]);
});

Deno.test("jsonl: invalid UTF-8 and lone surrogates are replaced or skipped, and counted", async () => {
  const file = bytes('{"text": "caf', [0xe9], '"}\n{"text": "\\ud800x"}\n{"text": "fine"}\n');
  const replaced = await collectFile("a.jsonl", file);
  deepStrictEqual(replaced.texts, ["caf\ufffd", "\ufffdx", "fine"]);
  strictEqual(replaced.report.replacedUndecodable, 2);
  const skipped = await collectFile("a.jsonl", file, { undecodable: "skip" });
  deepStrictEqual(skipped.texts, ["fine"]);
  strictEqual(skipped.report.skippedUndecodable, 2);
});

Deno.test("jsonl: a line longer than the largest document is an error, not a full memory", async () => {
  const error = await failure(collectFile("a.jsonl", `{"text": "${"x".repeat(5000)}"}`, { maxDocumentBytes: 1000 }));
  match(error.message, /a\.jsonl:1, byte 0: a line of more than 1000 bytes/);
  const text = await failure(collectFile("a.txt", "x".repeat(5000), { maxDocumentBytes: 1000 }));
  ok(text instanceof UserError);
  match(text.message, /a\.txt: more than 1000 bytes/);
});

Deno.test("jsonl: texts come back however the stream is cut into chunks", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ minLength: 1, unit: "grapheme" }), { minLength: 1 }),
      fc.integer({ min: 1, max: 50 }),
      async (texts, chunk) => {
        const file = bytes(texts.map((text) => `${JSON.stringify({ text })}\n`).join(""));
        deepStrictEqual((await collect(["-"], { stdin: streamOf(file, chunk) })).texts, texts);
      },
    ),
    { numRuns: 100, seed: 3 },
  );
});

Deno.test("jsonl: lines longer than a block, and lines that are too long, leave the numbers of the others right", async () => {
  const long = (bytes: number) => JSON.stringify({ text: "x".repeat(bytes) });
  const short = (name: string) => JSON.stringify({ text: name });
  const file = [short("a"), long(3_000_000), short("b"), long(2_000_000), long(5_000_000), short("c"), long(1_400_000)];
  for (const last of ["", "\n"]) {
    const options = {
      maxDocumentBytes: 2_500_000,
      onError: "skip" as const,
      onDamage: (what: string) => told.push(what),
    };
    const told: string[] = [];
    const { texts, paths, report } = await collectFile("a.jsonl", file.join("\n") + last, options);
    deepStrictEqual(texts.map((text) => text.length), [1, 1, 2_000_000, 1, 1_400_000]);
    deepStrictEqual(paths.map((path) => path.replace(/.*:/, "")), ["1", "3", "4", "6", "7"]);
    strictEqual(report.skippedDamaged, 2);
    match(told[0], /a\.jsonl:2, byte 13: a line of more than 2500000 bytes/);
    match(told[1], /a\.jsonl:5, byte 5000050: a line of more than 2500000 bytes/);
  }
});

Deno.test("jsonl: a block is hardly longer than its longest line", async () => {
  const short = `${JSON.stringify({ text: "y".repeat(80) })}\n`;
  for (const length of [1_100_000, 4_300_000, 9_000_000]) {
    const file = `${JSON.stringify({ text: "x".repeat(length) })}\n${short.repeat(120_000)}`;
    await withFiles({ "a.jsonl": file }, async (folder) => {
      const sizes: number[] = [];
      for await (const { bytes } of readBlocks([folder]).blocks) sizes.push(bytes.length);
      ok(Math.max(...sizes) < length + 1.1e6, `${length}: ${sizes}`);
      strictEqual(sizes.reduce((sum, size) => sum + size, 0), file.length);
    });
  }
});

Deno.test("line ends are counted as by indexOf", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(10, 11, 0x8a, 97), { maxLength: 100 }), fc.nat(70_000), (some, rest) => {
      const all = bytes(some, new Uint8Array(rest).fill(10, rest >> 1), some);
      strictEqual(countLines(all), countWithIndexOf(all));
    }),
    { numRuns: 200, seed: 4 },
  );
});

Deno.test("jsonl: a small stream's block takes no more memory than its bytes", async () => {
  await withFiles(
    { "a.jsonl": '{"text": "some text"}\n', "b.jsonl": "", "c.jsonl": '{"text": "more"}' },
    async (folder) => {
      const sizes: number[] = [];
      for await (const { bytes } of readBlocks([folder]).blocks) sizes.push(bytes.buffer.byteLength);
      deepStrictEqual(sizes, [22, 16]);
    },
  );
});

Deno.test("jsonl: lines are parsed without WebAssembly to the same documents and the same errors", () => {
  const parse = (block: LinesBlock, engine: "best" | "TypeScript") => {
    const found: unknown[] = [];
    const onDamage = (error: FormatError) => found.push(error.message);
    const parser = createLineParser({
      ...{ key: "text", maxLineBytes: 1000, onDamage, onBlankLine: () => found.push("blank"), engine },
    });
    parser(block, ({ text, ...line }) => found.push({ ...line, text: new TextDecoder().decode(text) }));
    return found;
  };
  const line = fc.oneof(
    fc.record({ text: fc.string({ unit: "binary", maxLength: 200 }), path: fc.string() }).map((value) =>
      JSON.stringify(value)
    ),
    fc.constantFrom(
      "",
      " ",
      "[1]",
      '{"text": 1}',
      '{"text": "cut',
      "{}",
      '\ufeff{"text": "x"}',
      `{"text": "${"y".repeat(1000)}"}`,
    ),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), fc.boolean(), (lines, ended) => {
      const all = bytes(lines.join("\n") + (ended ? "\n" : ""));
      const place = { label: "a.jsonl", namePasses: true, lines: lines.length, line: 7, offset: 1234, plain: true };
      const block: LinesBlock = { kind: "lines", bytes: all, ...place };
      deepStrictEqual(parse(block, "TypeScript"), parse(block, "best"));
    }),
    { numRuns: 500, seed: 5 },
  );
});

/** data through the command: a stopped run and --resume, a split by hash, --inspect. */

import assert from "node:assert/strict";
import type { CommandContext } from "../../src/cli/command.ts";
import { dataCommand } from "../../src/cli/commands.ts";
import { bar, inspectReport } from "../../src/cli/inspect_report.ts";
import { openDataset } from "../../src/dataset/dataset.ts";
import { inspectTokenFile } from "../../src/dataset/inspect.ts";

interface Outcome {
  readonly out: string;
  readonly notes: string[];
}

async function data(args: string[], more: Partial<CommandContext> = {}): Promise<Outcome> {
  let out = "";
  const notes: string[] = [];
  await dataCommand.prepare(args).run({
    signal: new AbortController().signal,
    stdin: new Blob([]).stream(),
    write: (data) => {
      out += typeof data === "string" ? data : new TextDecoder().decode(data);
      return Promise.resolve();
    },
    note: (line) => notes.push(line),
    ...more,
  });
  return { out, notes };
}

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "codekiln-test-" });
  try {
    const lines = Array.from(
      { length: 60 },
      (_, i) =>
        JSON.stringify({
          text: `def add_${i}(a, b):\n    return a + b * ${i}\n`.repeat(1 + i % 9),
          lang: i % 3 ? "Python" : "C++",
        }),
    );
    Deno.writeTextFileSync(`${folder}/code.jsonl`, lines.join("\n"));
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const args = (folder: string, prefix: string, ...more: string[]) => [
  ...["--input", `${folder}/code.jsonl`, "--tokenizer", "gpt2", "--output_prefix", `${folder}/${prefix}`],
  ...["--workers", "1", ...more],
];

Deno.test("--resume of a finished run says so and gives its result; with other options it is refused", () =>
  inFolder(async (folder) => {
    const first = JSON.parse((await data(args(folder, "x", "--json"))).out);
    const before = Deno.statSync(`${folder}/x_ids.npy`).mtime;
    const { out, notes } = await data(args(folder, "x", "--json", "--resume"));
    const { seconds: _a, ...again } = JSON.parse(out);
    const { seconds: _b, ...whole } = first;
    assert.deepEqual(again, whole);
    assert.match(notes.join("\n"), /nothing to resume/);
    assert.deepEqual(Deno.statSync(`${folder}/x_ids.npy`).mtime, before);
    await assert.rejects(data(args(folder, "x", "--resume", "--min_doc_length", "50")), /--min_doc_length was 10/);
    // Where nothing was begun, --resume begins.
    await data(args(folder, "y", "--resume"));
    assert.ok(Deno.statSync(`${folder}/y_meta.json`).isFile);
  }));

Deno.test("--split_by_hash writes parts that training finds, the same for every order of the corpus", () =>
  inFolder(async (folder) => {
    await data(args(folder, "a/x", "--split_by_hash", "6,2,2"));
    const lines = Deno.readTextFileSync(`${folder}/code.jsonl`).split("\n").toReversed();
    Deno.writeTextFileSync(`${folder}/code.jsonl`, lines.join("\n"));
    const { out } = await data(args(folder, "b/x", "--split_by_hash", "6,2,2", "--json"));
    const { parts } = JSON.parse(out);
    assert.deepEqual(Object.keys(parts), ["train", "valid", "test"]);
    assert.equal(parts.train.documents + parts.valid.documents + parts.test.documents, 60);
    using a = await openDataset(`${folder}/a`, { maxSeqLen: 16 });
    using b = await openDataset(`${folder}/b`, { maxSeqLen: 16 });
    for (const name of ["train", "valid", "test"] as const) {
      assert.equal(a.part(name)?.documents, parts[name].documents);
      assert.equal(a.part(name)?.tokens, b.part(name)?.tokens);
    }
    await assert.rejects(data(args(folder, "c", "--split_by_hash", "1,x")), /--split_by_hash/);
  }));

Deno.test("--inspect shows counts, lengths, languages and documents, of all parts, as a page and as JSON", () =>
  inFolder(async (folder) => {
    await data(args(folder, "x"));
    const page = (await data(["--inspect", `${folder}/x`])).out;
    assert.match(page, /documents\s+60\n/);
    assert.match(page, /tokenizer\s+gpt2, 50\.3k tokens/);
    assert.match(page, /python #+ \d+\.\d % \(40 documents\)/);
    assert.match(page, /cpp #+ /);
    assert.match(page, /document 0 \(\d+ tokens\)\n {2}def add_0\(a, b\):\n {6}return a \+ b \* 0\n/);
    assert.match(page, /document 40 /);
    assert.ok(!page.includes("\x1b"));

    const json = JSON.parse((await data(["--inspect", `${folder}/x_ids.npy`, "--json", "--show_documents", "1"])).out);
    assert.equal(json.documents, 60);
    assert.equal(json.shown_documents.length, 1);
    assert.equal(json.histogram.reduce((sum: number, bin: { tokens: number }) => sum + bin.tokens, 0), json.tokens);
    assert.equal(json.histogram.reduce((sum: number, bin: { documents: number }) => sum + bin.documents, 0), 60);
    assert.deepEqual(json.meta.languages.cpp.documents, 20);

    await data(args(folder, "s", "--split_by_hash", "8,2"));
    assert.match((await data(["--inspect", `${folder}/s`])).out, /s_train\n[^]*part\s+train of a split[^]*s_valid\n/);
    await assert.rejects(data(["--inspect", `${folder}/x`, "--workers", "2"]), /--workers/);
    await assert.rejects(data(["--inspect", `${folder}/none`]), { name: "UserError", message: /none_ids\.npy/ });
    await assert.rejects(data(["--tokenizer", "gpt2", "--output_prefix", "x"]), /--input: is required/);
  }));

Deno.test("--inspect of a damaged file names file and byte", () =>
  inFolder(async (folder) => {
    await data(args(folder, "x"));
    const path = `${folder}/x_ids.npy`;
    const bytes = Deno.readFileSync(path);
    Deno.writeFileSync(path, bytes.slice(0, -1));
    await assert.rejects(data(["--inspect", `${folder}/x`]), (error: Error) =>
      error.name === "FormatError" && error.message.startsWith(`${path}, byte ${bytes.length - 1}`));
    bytes[128] = bytes[129] = 255; // 65535 is no token
    Deno.writeFileSync(path, bytes);
    await assert.rejects(data(["--inspect", `${folder}/x`]), { name: "FormatError", message: /x_ids\.npy, byte 128/ });
  }));

Deno.test("bars are drawn to an eighth of a column, or with # where there is no terminal", () => {
  assert.equal(bar(1, 4, true), "████");
  assert.equal(bar(0.53125, 4, true), "██▏");
  assert.equal(bar(0.001, 4, true), "▏");
  assert.equal(bar(0, 4, true), "");
  assert.equal(bar(0.5, 4, false), "##");
  assert.equal(bar(0.001, 4, false), "#");
});

Deno.test("on a terminal the page has color and no line is wider than it; a document's control characters are not obeyed", () =>
  inFolder(async (folder) => {
    Deno.writeTextFileSync(`${folder}/code.jsonl`, JSON.stringify({ text: `\x1b[31m${"x".repeat(300)}` }));
    await data(args(folder, "x"));
    const found = await inspectTokenFile(`${folder}/x`, { documents: 1, sampleTokens: 10 });
    const shown = [{ document: 0, tokens: 9, text: `\x1b[31m${"x".repeat(300)}` }];
    const page = inspectReport(found, shown, { blocks: true, color: true, columns: 60 });
    const plain = ["0", "1", "2", "34"].reduce((text, code) => text.replaceAll(`\x1b[${code}m`, ""), page);
    assert.notEqual(plain, page);
    assert.match(plain, /█/);
    assert.match(plain, /·\[31mxxx/);
    for (const line of plain.split("\n").filter((line) => line.includes("xxx"))) assert.ok([...line].length <= 60);
  }));

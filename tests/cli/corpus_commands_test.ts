/** data and tokenizer as commands: what they write, print and say. */

import assert from "node:assert/strict";
import type { Command, CommandContext } from "../../src/cli/command.ts";
import {
  dataCommand,
  tokenizerDecodeCommand,
  tokenizerEncodeCommand,
  tokenizerTrainCommand,
} from "../../src/cli/commands.ts";
import { UserError } from "../../src/errors.ts";

interface Outcome {
  readonly out: Uint8Array;
  readonly notes: string[];
}

async function run(command: Command, args: string[], more: Partial<CommandContext> = {}): Promise<Outcome> {
  const parts: Uint8Array[] = [];
  const notes: string[] = [];
  await command.prepare(args).run({
    signal: new AbortController().signal,
    stdin: new Blob([]).stream(),
    write: (data) => {
      parts.push(typeof data === "string" ? new TextEncoder().encode(data) : data.slice());
      return Promise.resolve();
    },
    note: (line) => notes.push(line),
    ...more,
  });
  return { out: new Uint8Array(await new Blob(parts.map((part) => part.slice())).arrayBuffer()), notes };
}

const text = ({ out }: Outcome) => new TextDecoder().decode(out);

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "codekiln-test-" });
  try {
    const lines = Array.from({ length: 200 }, (_, i) => `def add_${i}(a, b):\n    return a + b * ${i}\n`);
    await Deno.mkdir(`${folder}/code/inner`, { recursive: true });
    await Deno.writeTextFile(`${folder}/code/one.py`, lines.join("\n"));
    await Deno.writeTextFile(`${folder}/code/inner/two.py`, lines.toReversed().join("\n"));
    await Deno.writeTextFile(`${folder}/code/short.py`, "x = 1\n");
    await Deno.writeFile(`${folder}/code/image.py`, new Uint8Array(64));
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a vocabulary learned from a folder encodes its files, with counts of what was left out", async () => {
  await withFolder(async (folder) => {
    const trained = await run(tokenizerTrainCommand, [
      ...["--input", `${folder}/code`, "--vocab_size", "300", "--output", `${folder}/tok`, "--json"],
    ]);
    const vocabulary = JSON.parse(text(trained));
    assert.equal(vocabulary.vocab_size, 300);
    assert.equal(vocabulary.eos_id, 299);

    const written = await run(dataCommand, [
      ...["--input", `${folder}/code`, "--tokenizer", `${folder}/tok`, "--output_prefix", `${folder}/new/my`, "--json"],
    ]);
    const result = JSON.parse(text(written));
    assert.deepEqual([result.documents, result.skipped_short, result.skipped_binary], [2, 1, 1]);
    assert.ok(result.tokens > 1000 && result.bytes_per_token > 1);
    for (const file of result.files) assert.ok((await Deno.stat(file)).size > 0);
    assert.match(written.notes.join("\n"), /left out: 1 binary, 1 too short/);
  });
});

Deno.test("without --json nothing goes to stdout", async () => {
  await withFolder(async (folder) => {
    const args = ["--input", `${folder}/code`, "--tokenizer", "gpt2", "--output_prefix", `${folder}/my`];
    assert.equal((await run(dataCommand, args)).out.length, 0);
  });
});

Deno.test("data reads stdin as -, and end-of-text can be left out", async () => {
  await withFolder(async (folder) => {
    const jsonl = ["first document", "second document"].map((body) => JSON.stringify({ body }) + "\n").join("");
    const tokens: number[] = [];
    for (const eos of [[], ["--no-append_eos"]]) {
      const args = ["--input", "-", "--json_key", "body", "--tokenizer", "gpt2", "--json", ...eos];
      const stdin = new Blob([jsonl]).stream();
      const outcome = await run(dataCommand, [...args, "--output_prefix", `${folder}/my`], { stdin });
      const result = JSON.parse(text(outcome));
      assert.equal(result.documents, 2);
      tokens.push(result.tokens);
    }
    assert.equal(tokens[0], tokens[1] + 2);
  });
});

Deno.test("an aborted data command leaves no files", async () => {
  await withFolder(async (folder) => {
    const args = ["--input", `${folder}/code`, "--tokenizer", "gpt2", "--output_prefix", `${folder}/out/my`];
    await assert.rejects(run(dataCommand, args, { signal: AbortSignal.abort() }));
    assert.deepEqual([...Deno.readDirSync(`${folder}/out`)], []);
  });
});

Deno.test("encode and decode give the text back, to the byte", async () => {
  const source = "def f(x):\r\n\treturn 'ümläut 🙂'\n\n\n";
  for (const json of [[], ["--json"]]) {
    const stdin = new Blob([source]).stream();
    const ids = await run(tokenizerEncodeCommand, ["--tokenizer", "gpt2", ...json], { stdin });
    const back = await run(tokenizerDecodeCommand, ["--tokenizer", "gpt2"], { stdin: new Blob([text(ids)]).stream() });
    assert.equal(text(back), source);
  }
});

Deno.test("encode refuses bytes that are no text", async () => {
  const stdin = new Blob([new Uint8Array([0x61, 0xff])]).stream();
  await assert.rejects(run(tokenizerEncodeCommand, ["--tokenizer", "gpt2"], { stdin }), UserError);
});

Deno.test("any number of workers writes the same files; an output folder that cannot be made is the user's mistake", async () => {
  await withFolder(async (folder) => {
    const data = (prefix: string, ...more: string[]) =>
      run(dataCommand, [
        ...["--input", `${folder}/code`, "--tokenizer", "gpt2", "--output_prefix", `${folder}/${prefix}`, ...more],
      ]);
    await data("one/x", "--workers", "1");
    await data("two/x", "--workers", "2");
    for (const { name } of Deno.readDirSync(`${folder}/one`)) {
      assert.deepEqual(Deno.readFileSync(`${folder}/two/${name}`), Deno.readFileSync(`${folder}/one/${name}`), name);
    }
    assert.equal([...Deno.readDirSync(`${folder}/two`)].length, 3);
    await assert.rejects(data("code/one.py/x"), { name: "UserError", message: /--output_prefix/ });
  });
});

Deno.test("tokenizer encode takes special tokens for text unless --parse_special", async () => {
  const encode = async (...more: string[]) =>
    text(
      await run(tokenizerEncodeCommand, ["--tokenizer", "gpt2", ...more], {
        stdin: new Blob(["a<|endoftext|>"]).stream(),
      }),
    );
  assert.equal(await encode(), "64 27 91 437 1659 5239 91 29\n");
  assert.equal(await encode("--parse_special"), "64 50256\n");
});

Deno.test("filters are options of data, and what they leave out is in the summary, the result and the meta file", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/code/copy.py`, await Deno.readTextFile(`${folder}/code/one.py`));
    await Deno.writeTextFile(`${folder}/code/long.py`, "x = 1 # ".repeat(200));
    await Deno.writeTextFile(`${folder}/code/made.py`, "# This file is auto-generated.\nx = 1\n");
    await Deno.writeTextFile(`${folder}/code/other.rb`, "puts 'something'\n");
    const data = (...more: string[]) =>
      run(dataCommand, [
        ...["--input", `${folder}/code`, "--tokenizer", "gpt2", "--output_prefix", `${folder}/my`, "--json", ...more],
      ]);
    const all = JSON.parse(text(await data()));
    assert.deepEqual([all.documents, all.skipped_duplicates, all.skipped_language], [6, 0, 0]);

    const options = ["--languages", "py,c++", "--max_line_length", "200", "--skip_generated", "--deduplicate"];
    const outcome = await data(...options);
    const result = JSON.parse(text(outcome));
    const counts = {
      documents: 2,
      skipped_language: 1,
      skipped_long_lines: 1,
      skipped_generated: 1,
      skipped_duplicates: 1,
    };
    const meta = JSON.parse(await Deno.readTextFile(`${folder}/my_meta.json`));
    for (const [name, count] of Object.entries(counts)) {
      assert.equal(result[name], count, name);
      assert.equal(meta.corpus[name], count, name);
    }
    assert.deepEqual(meta.corpus.languages, { python: { documents: 2, bytes: meta.text_bytes } });
    assert.deepEqual([meta.options.languages, meta.options.deduplicate], [["py,c++"], true]);
    const summary = /left out: .*1 in other languages, 1 with long lines, 1 generated, 1 duplicates/;
    assert.match(outcome.notes.join("\n"), summary);
    await assert.rejects(data("--languages", "pyhton"), { name: "UserError", message: /did you mean python\?/ });
  });
});

Deno.test("damaged data stops the work, or is left out and told", async () => {
  await withFolder(async (folder) => {
    const lines = ['{"text": "a first document"}', '{"text": broken}', '{"text": "another document"}'];
    await Deno.writeTextFile(`${folder}/code/x.jsonl`, lines.join("\n"));
    const data = (...more: string[]) =>
      run(dataCommand, [
        ...["--input", `${folder}/code/x.jsonl`, "--tokenizer", "gpt2", "--output_prefix", `${folder}/my`, "--json"],
        ...more,
      ]);
    await assert.rejects(data(), { name: "FormatError", message: /x\.jsonl:2, byte 38: not JSON/ });
    const outcome = await data("--on_error", "skip");
    assert.deepEqual(JSON.parse(text(outcome)).skipped_damaged, 1);
    assert.match(outcome.notes.join("\n"), /left out, damaged: .*x\.jsonl:2, byte 38[^]*left out: 1 damaged/);
  });
});

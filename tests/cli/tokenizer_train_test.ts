/** tokenizer train as a command and as a process: its options act, what it forgets is told, a stop leaves nothing. */

import assert from "node:assert/strict";
import { tokenizerTrainCommand } from "../../src/cli/commands.ts";
import { loadTokenizer } from "../../src/tokenizer/load.ts";

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "codekiln-test-" });
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function run(args: string[], signal = new AbortController().signal) {
  let out = "";
  const notes: string[] = [];
  await tokenizerTrainCommand.prepare([...args, "--json"]).run({
    signal,
    stdin: new Blob([]).stream(),
    write: (data) => {
      out += typeof data === "string" ? data : new TextDecoder().decode(data);
      return Promise.resolve();
    },
    note: (line) => notes.push(line),
  });
  return { result: JSON.parse(out), notes: notes.join("\n") };
}

const CODE = Array.from({ length: 300 }, (_, i) => `def add_${i}(a, b):\n    return a + b * ${i * 7}\n`).join("");

Deno.test("minimum frequency, pattern, special tokens and workers are taken from the command line", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/code.py`, CODE);
    const args = ["--input", `${folder}/code.py`, "--vocab_size", "400"];
    const special = ["--special_tokens", "<|fim_prefix|>", "<|fim_suffix|>"];
    const first = await run([...args, ...special, "--pattern", "digits", "--output", `${folder}/digits`]);
    assert.deepEqual(first.result.special_tokens, ["<|endoftext|>", "<|fim_prefix|>", "<|fim_suffix|>"]);
    assert.equal(first.result.pattern, "digits");
    assert.equal(first.result.eos_id, first.result.vocab_size - 3);
    assert.equal(first.result.forgotten_pieces, 0);
    const digits = await loadTokenizer(`${folder}/digits`);
    assert.equal(digits.fingerprint, first.result.fingerprint);
    const ids = (text: string) => digits.encode(new TextEncoder().encode(text)).length;
    assert.equal(ids("777"), 3, "every digit is a piece");

    const frequent = await run([...args, "--min_frequency", "250", "--output", `${folder}/frequent`]);
    assert.match(frequent.notes, /fewer than the 400 asked for/);
    const alone = await run([...args, "--workers", "1", "--output", `${folder}/one`]);
    assert.ok(frequent.result.merges > 5 && frequent.result.merges < alone.result.merges);
    const several = await run([...args, "--workers", "3", "--output", `${folder}/three`]);
    assert.equal(several.result.fingerprint, alone.result.fingerprint);
  });
});

Deno.test("what --max_memory made it forget is told, in words and in JSON", async () => {
  await withFolder(async (folder) => {
    const words = Array.from({ length: 80_000 }, (_, i) => `w${(i * 2654435761 >>> 0).toString(36)} common`);
    await Deno.writeTextFile(`${folder}/words.jsonl`, words.map((text) => JSON.stringify({ text }) + "\n").join(""));
    const args = ["--input", `${folder}/words.jsonl`, "--vocab_size", "300", "--min_doc_length", "0"];
    const bounded = await run([...args, "--max_memory", "4", "--output", `${folder}/bounded`]);
    assert.ok(bounded.result.forgotten_pieces > 20_000);
    assert.ok(bounded.result.forgotten_occurrences >= bounded.result.forgotten_pieces);
    assert.ok(bounded.result.counting_memory_bytes <= 4 * 2 ** 20);
    assert.match(bounded.notes, /forgotten to stay within --max_memory 4: [\d.]+k rare pieces/);
    const free = await run([...args, "--output", `${folder}/free`]);
    assert.equal(free.result.forgotten_pieces, 0);
    assert.doesNotMatch(free.notes, /forgotten/);
  });
});

const PROGRAM = new URL("../../src/main.ts", import.meta.url).pathname;

/** Feeds the program text without end through stdin, and stops it when it is well on its way. */
Deno.test("SIGINT while pieces are counted in threads ends the program with 130 and writes nothing", async () => {
  await withFolder(async (folder) => {
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--quiet", "--no-check", PROGRAM, "tokenizer", "train", "--input", "-", "--workers", "2"],
        ...["--vocab_size", "1000", "--output", `${folder}/tok`],
      ],
      stdin: "piped",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const errors = new Response(child.stderr).text();
    const lines = new TextEncoder().encode((JSON.stringify({ text: CODE }) + "\n").repeat(20));
    const writer = child.stdin.getWriter();
    let sent = 0;
    try {
      for (;; sent += lines.length) {
        await writer.write(lines);
        // More than the batches that wait for threads: both are counting.
        if (sent > 8 << 20) child.kill("SIGINT");
      }
    } catch {
      // The program has closed its end.
    }
    assert.equal((await child.status).code, 130);
    assert.doesNotMatch(await errors, /error/);
    assert.deepEqual([...Deno.readDirSync(folder)], []);
    await writer.abort().catch(() => {});
  });
});

Deno.test("SIGINT while merges are learnt ends the program with 130 and writes nothing", async () => {
  await withFolder(async (folder) => {
    const source = new URL("../../src", import.meta.url).pathname;
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--quiet", "--no-check", PROGRAM, "tokenizer", "train", "--input", source],
        ...["--vocab_size", "60000", "--min_frequency", "1", "--output", `${folder}/tok`],
      ],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    let errors = "";
    let stopped = false;
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      errors += text;
      // The line of the first phase is finished when the second has begun.
      if (!stopped && errors.includes("counting pieces: 100%")) {
        stopped = true;
        child.kill("SIGINT");
      }
    }
    assert.equal((await child.status).code, 130);
    assert.match(errors, /stopped by SIGINT/);
    assert.deepEqual([...Deno.readDirSync(folder)], []);
  });
});

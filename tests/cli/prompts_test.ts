import assert from "node:assert/strict";
import fc from "fast-check";
import { type PromptFormat, readPrompts, splitPrompts } from "../../src/cli/prompts.ts";
import { UserError } from "../../src/errors.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

async function* chunked(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

async function split(text: string, format: PromptFormat, size = 3): Promise<string[]> {
  const prompts = await Array.fromAsync(splitPrompts(chunked(encoder.encode(text), size), format, "stdin"));
  return prompts.map((prompt) => decoder.decode(prompt));
}

Deno.test("each format splits prompts its own way", async () => {
  assert.deepEqual(await split("def a():\r\n\nclass B:\n", "lines"), ["def a():", "class B:"]);
  assert.deepEqual(await split("a\nb\n", "whole"), ["a\nb\n"]);
  assert.deepEqual(await split("a\nb\0c", "null"), ["a\nb", "c"]);
  assert.deepEqual(await split('"a\\nb"\n{"prompt": "c"}\n', "jsonl"), ["a\nb", "c"]);
  assert.deepEqual(await split("", "whole"), []);
});

Deno.test("a line of jsonl without a prompt is an error that names it", async () => {
  await assert.rejects(
    split('"a"\n{"text": 1}\n', "jsonl"),
    (error) => error instanceof UserError && /stdin:2: holds no prompt/.test(error.message),
  );
  await assert.rejects(split("oops\n", "jsonl"), /stdin:1: not a line of JSON/);
});

Deno.test("prompts do not depend on how the input arrives", async () => {
  await fc.assert(fc.asyncProperty(
    fc.array(fc.string({ minLength: 1 }).filter((line) => !/[\r\n]/.test(line))),
    fc.integer({ min: 1, max: 9 }),
    async (lines, size) => {
      const clean = lines.map((line) => decoder.decode(encoder.encode(line)));
      assert.deepEqual(await split(clean.map((line) => `${line}\n`).join(""), "lines", size), clean);
    },
  ));
});

Deno.test("a prompt file that is missing or a folder is the user's mistake", async () => {
  const read = (path: string) =>
    Array.fromAsync(readPrompts({ prompt: [], prompt_file: path, prompt_format: "lines" }, () => new Blob().stream()));
  await assert.rejects(read("/nowhere/at/all"), { name: "UserError", message: /--prompt_file .*No such file/ });
  await assert.rejects(read(import.meta.dirname ?? "."), { name: "UserError", message: /is a folder/ });
});

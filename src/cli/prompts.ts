/** Reads the prompts of `generate` from options, a file or stdin, as UTF-8 bytes. */

import { UserError } from "../errors.ts";
import { reason } from "../files.ts";

export type PromptFormat = "lines" | "whole" | "jsonl" | "null";

const encoder = new TextEncoder();
const newline = 0x0a;
const carriageReturn = 0x0d;

/**
 * Splits a stream of bytes into prompts as they arrive, so that a prompt typed into a pipe is answered at once.
 *
 * `lines`: one a line, without its line end, empty lines skipped. `whole`: everything as one prompt, to the byte.
 * `jsonl`: a JSON string or an object with a member `prompt` on each line. `null`: each ended by a NUL byte.
 *
 * @param name of the source, for messages
 * @throws UserError for a line of jsonl that holds no prompt
 */
export async function* splitPrompts(
  stream: AsyncIterable<Uint8Array>,
  format: PromptFormat,
  name: string,
): AsyncGenerator<Uint8Array> {
  if (format === "whole") {
    const parts = await Array.fromAsync(stream);
    const whole = concat(parts);
    if (whole.length > 0) yield whole;
    return;
  }
  let number = 0;
  for await (const piece of splitAt(stream, format === "null" ? 0 : newline)) {
    number++;
    if (format === "jsonl") {
      if (piece.length > 0) yield parseJsonPrompt(piece, `${name}:${number}`);
      continue;
    }
    const cut = format === "lines" && piece.at(-1) === carriageReturn ? piece.subarray(0, -1) : piece;
    if (cut.length > 0) yield cut;
  }
}

async function* splitAt(stream: AsyncIterable<Uint8Array>, separator: number): AsyncGenerator<Uint8Array> {
  let pending: Uint8Array[] = [];
  for await (const chunk of stream) {
    let start = 0;
    for (let end = chunk.indexOf(separator); end >= 0; end = chunk.indexOf(separator, start)) {
      yield concat([...pending, chunk.subarray(start, end)]);
      pending = [];
      start = end + 1;
    }
    if (start < chunk.length) pending.push(chunk.slice(start));
  }
  if (pending.length > 0) yield concat(pending);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function parseJsonPrompt(line: Uint8Array, where: string): Uint8Array {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(line));
  } catch (cause) {
    throw new UserError("not a line of JSON", { where, expected: 'a string or {"prompt": "…"}', cause });
  }
  const prompt = typeof value === "object" && value !== null && "prompt" in value ? value.prompt : value;
  if (typeof prompt !== "string") {
    throw new UserError("holds no prompt", { where, expected: 'a string or {"prompt": "…"}' });
  }
  return encoder.encode(prompt);
}

/**
 * The prompts that the options of `generate` name: `--prompt`, else `--prompt_file`, else stdin.
 *
 * @throws UserError if the file cannot be read
 */
export async function* readPrompts(
  options: {
    readonly prompt: readonly string[];
    readonly prompt_file: string | null;
    readonly prompt_format: PromptFormat;
  },
  stdin: () => ReadableStream<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (options.prompt.length > 0) {
    for (const prompt of options.prompt) yield encoder.encode(prompt);
    return;
  }
  const path = options.prompt_file;
  if (path === null) {
    yield* splitPrompts(stdin(), options.prompt_format, "stdin");
    return;
  }
  const where = `--prompt_file ${path}`;
  using file = await Deno.open(path).catch((cause) => {
    throw new UserError(`cannot be read: ${reason(cause)}`, { where, cause });
  });
  if ((await file.stat()).isDirectory) throw new UserError("is a folder", { where, expected: "a file of prompts" });
  yield* splitPrompts(readChunks(file), options.prompt_format, path);
}

async function* readChunks(file: Deno.FsFile): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(65536);
  for (let n = await file.read(buffer); n !== null; n = await file.read(buffer)) yield buffer.slice(0, n);
}

/** The texts of the tokenizer's bench: the documents of a .jsonl file, or plain source files of the quickstart's packages. */

import { quickstartCorpus } from "./quickstart_corpus.ts";

const sources = /\.(py|h|cc|cpp|js|c)$/;

/**
 * @param input A file with one JSON object a line, the text under `text`; the quickstart's sources where there is none.
 * @param limit Bytes of text at most, about.
 */
export async function readTexts(input: string | undefined, limit: number): Promise<Uint8Array<ArrayBuffer>[]> {
  const texts: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  const take = (text: Uint8Array<ArrayBuffer>) => {
    if (text.length > 0) texts.push(text);
    bytes += text.length;
    return bytes < limit;
  };
  if (input === undefined) {
    for (const path of (await quickstartCorpus()).input) {
      if (!(await Deno.stat(path)).isDirectory) continue;
      for await (const file of filesOf(path)) {
        const text = new TextDecoder().decode(await Deno.readFile(file));
        if (!take(new TextEncoder().encode(text))) return texts;
      }
    }
    return texts;
  }
  for await (const line of linesOf(input)) {
    if (line === "") continue;
    const value: unknown = JSON.parse(line);
    const text: unknown = typeof value === "object" && value !== null ? Reflect.get(value, "text") : undefined;
    if (typeof text === "string" && !take(new TextEncoder().encode(text.toWellFormed()))) break;
  }
  return texts;
}

async function* linesOf(path: string): AsyncGenerator<string> {
  using file = await Deno.open(path);
  let rest = "";
  for await (const chunk of file.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  yield rest;
}

async function* filesOf(folder: string): AsyncGenerator<string> {
  const entries = await Array.fromAsync(Deno.readDir(folder));
  for (const { name, isDirectory } of entries.sort((a, b) => a.name < b.name ? -1 : 1)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* filesOf(path);
    else if (sources.test(name)) yield path;
  }
}

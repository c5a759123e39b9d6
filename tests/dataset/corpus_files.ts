/** A small corpus in several forms, the same every time, and a tokenizer learned from it. */
import { gzipSync } from "node:zlib";
import { readCorpus } from "../../src/corpus/read.ts";
import { trainBpe } from "../../src/tokenizer/train.ts";

/** Some code; every seventh document is one that was there before. */
function documentText(i: number): string {
  const n = i % 7 === 6 ? i - 6 : i;
  return Array.from({ length: 3 + n % 5 }, (_, k) => `def f_${n}_${k}(x):\n    return x * ${n + k} + "é${n}"\n`).join(
    "\n",
  );
}

/** A folder of files, a jsonl file and a compressed one. @returns their paths */
export async function makeCorpus(folder: string): Promise<string[]> {
  await Deno.mkdir(`${folder}/code/inner`, { recursive: true });
  for (let i = 0; i < 150; i++) {
    const name = String(i).padStart(3, "0");
    Deno.writeTextFileSync(`${folder}/code/${i % 3 === 0 ? "inner/" : ""}f${name}.py`, documentText(i));
  }
  Deno.writeFileSync(`${folder}/code/binary.py`, new Uint8Array(100));
  Deno.symlinkSync("f001.py", `${folder}/code/link.py`);
  const lines = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => `${JSON.stringify({ text: documentText(from + i), language: "Python" })}\n`)
      .join("");
  Deno.writeTextFileSync(`${folder}/plain.jsonl`, lines(1000, 1500));
  Deno.writeFileSync(`${folder}/packed.jsonl.gz`, gzipSync(lines(5000, 250)));
  return [`${folder}/code`, `${folder}/plain.jsonl`, `${folder}/packed.jsonl.gz`];
}

/** Learns 300 tokens and saves them. @returns the folder */
export async function tinyTokenizer(folder: string): Promise<string> {
  const source = `${folder}-source`;
  await Deno.mkdir(source);
  Deno.writeTextFileSync(`${source}/a.py`, Array.from({ length: 20 }, (_, i) => documentText(i)).join("\n"));
  const { tokenizer } = await trainBpe(readCorpus([source]).documents, { vocabSize: 300, name: folder });
  await tokenizer.save(folder);
  return folder;
}

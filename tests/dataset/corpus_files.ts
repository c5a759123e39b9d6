/** A small corpus in several forms, the same every time, and a tokenizer learned from it. */
import { gzipSync } from "node:zlib";
import { parquetWriteBuffer } from "hyparquet-writer";
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

/** A folder of two tables and a file between them; the tables' first row groups are of 3 MB, several blocks. @returns its path */
export async function makeTables(folder: string): Promise<string> {
  await Deno.mkdir(folder);
  const table = (from: number): Uint8Array => {
    // Every ninth row has no text, every fourth no path.
    const text = Array.from(
      { length: 90 },
      (_, i) => i % 9 === 8 ? null : documentText(from + i).repeat(i < 40 ? 300 : 1),
    );
    const path = text.map((_, i) => i % 4 === 3 ? null : `src/f${i}.py`);
    const columnData = [
      { name: "text", data: text, type: "STRING" as const },
      { name: "path", data: path, type: "STRING" as const },
    ];
    return new Uint8Array(parquetWriteBuffer({ columnData, rowGroupSize: 40 }));
  };
  Deno.writeFileSync(`${folder}/a.parquet`, table(0));
  Deno.writeTextFileSync(`${folder}/b.py`, documentText(500));
  Deno.writeFileSync(`${folder}/c.parquet`, table(1000));
  return folder;
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

import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { createByteReader } from "../../src/corpus/bytes.ts";
import { readGzip } from "../../src/corpus/gzip.ts";
import { createInflater } from "../../src/corpus/inflate.ts";
import { FormatError } from "../../src/errors.ts";
import { bitFlips, bytes, collectFile, failure, gzip, rightOrError, truncations } from "./support.ts";

const text = Array.from({ length: 25 }, (_, i) => `def f${i * 7919 % 101}(x): return x * ${i * i}\n`).join("");
const single = gzip(text);

Deno.test("gzip: concatenated members and zero padding give the whole text", async () => {
  const half = text.length >> 1;
  for (const file of [single, bytes(gzip(text.slice(0, half)), gzip(text.slice(half))), bytes(single, [0, 0, 0])]) {
    deepStrictEqual((await collectFile("a.py.gz", file)).texts, [text]);
  }
});

Deno.test("gzip: a cut at any byte is an error, except between members", async () => {
  strictEqual((await rightOrError("a.txt.gz", truncations(single), [text])).right, 0);
  const two = bytes(single, gzip("second"));
  const cuts = [...truncations(two)].filter((cut) => cut.length > single.length);
  strictEqual((await rightOrError("a.txt.gz", cuts, [text])).right, 0);
});

Deno.test("gzip: no flipped bit gives wrong text", async () => {
  const { errors } = await rightOrError("a.txt.gz", bitFlips(single), [text]);
  ok(errors > single.length * 7);
});

Deno.test("gzip: the runtime's streams can be driven synchronously, and where they cannot the result is the same", async () => {
  ok(createInflater("gzip") !== null && createInflater("raw") !== null);
  const read = async (file: Uint8Array, sync: boolean) => {
    const reader = createByteReader((async function* () {
      for (let at = 0; at < file.length; at += 50) yield await Promise.resolve(file.subarray(at, at + 50));
    })());
    const chunks: Uint8Array[] = [];
    try {
      const inflater = sync ? createInflater("gzip") : null;
      for await (const chunk of readGzip(reader, "x.gz", inflater)) chunks.push(chunk.slice());
    } catch (error) {
      ok(error instanceof FormatError, `${error}`);
      return "error";
    }
    return new TextDecoder().decode(bytes(...chunks));
  };
  const good = [single, bytes(single, gzip("more")), bytes(single, new Uint8Array(99)), bytes(single, [0], gzip("x"))];
  const bad = [bytes(single, "x"), bytes(single, [0, 0, 1]), single.subarray(0, -1), single.subarray(0, 30)];
  for (const file of [...good, ...bad, ...[...bitFlips(single)].filter((_, bit) => bit % 37 === 0)]) {
    strictEqual(await read(file, true), await read(file, false));
  }
  strictEqual(await read(good[1], true), `${text}more`);
  strictEqual(await read(good[2], true), text);
  for (const file of bad) strictEqual(await read(file, true), "error");
});

Deno.test("gzip: trailing bytes are an error, also behind zero padding", async () => {
  for (const tail of ["garbage", "\0\0garbage", "\x1f", "A"]) {
    const error = await failure(collectFile("a.txt.gz", bytes(single, tail)));
    ok(error instanceof FormatError);
    match(error.message, /a\.txt\.gz, (near )?byte \d+: /);
  }
});

Deno.test("gzip: a file that only has the name is an error", async () => {
  match((await failure(collectFile("a.txt.gz", "hello"))).message, /byte 0: not gzip data/);
});

Deno.test("gzip: several megabytes in many members come back", async () => {
  const unit = text.repeat(300);
  const file = bytes(...Array.from({ length: 20 }, () => gzip(unit)));
  const { texts } = await collectFile("a.txt.gz", file);
  ok(texts[0] === unit.repeat(20));
});

import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
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

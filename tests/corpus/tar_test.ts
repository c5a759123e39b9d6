import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { FormatError } from "../../src/errors.ts";
import { bytes, collectFile, failure, paxRecord, rightOrError, tarMember, tarOf, truncations } from "./support.ts";

const long = `${"folder/".repeat(30)}file.py`;

Deno.test("tar: ustar prefixes, pax paths and GNU long names are read", async () => {
  const archive = tarOf(
    { name: "plain.py", data: "one" },
    { name: "b.py", prefix: "some/folder", data: "two" },
    { name: "PaxHeader", type: "x", data: paxRecord("path", `${long}é`) },
    { name: "short", data: "three" },
    { name: "././@LongLink", type: "L", data: `${long}\0` },
    { name: "short", data: "four" },
    { name: "after.py", data: "five" },
  );
  const { texts, paths } = await collectFile("a.tar", archive);
  deepStrictEqual(texts, ["one", "two", "three", "four", "five"]);
  const names = paths.map((path) => path.slice(path.indexOf("a.tar/") + 6));
  deepStrictEqual(names, ["plain.py", "some/folder/b.py", `${long}é`, long, "after.py"]);
});

Deno.test("tar: a pax size wins over the header's, and a pax header is for one member only", async () => {
  const pax = { name: "p", type: "x", data: paxRecord("size", "5") };
  const member = tarMember({ name: "a.py", data: "12345", size: 0 });
  const archive = bytes(tarMember(pax), member, tarOf({ name: "b.py", data: "678" }));
  deepStrictEqual((await collectFile("a.tar", archive)).texts, ["12345", "678"]);
});

Deno.test("tar: links, devices and hidden files are skipped and counted", async () => {
  const { texts, report } = await collectFile(
    "a.tar",
    tarOf(
      { name: "d/", type: "5" },
      { name: "l", type: "2" },
      { name: "h", type: "1", size: 99 },
      { name: "dev", type: "3" },
      { name: "d/.hidden/x.py", data: "no" },
      { name: "./d/x.py", data: "yes" },
      { name: "d/y.bin", data: "a\0b" },
    ),
  );
  deepStrictEqual(texts, ["yes"]);
  const { skippedLinks, skippedSpecial, skippedHidden, skippedBinary } = report;
  deepStrictEqual({ skippedLinks, skippedSpecial, skippedHidden, skippedBinary }, {
    skippedLinks: 2,
    skippedSpecial: 1,
    skippedHidden: 1,
    skippedBinary: 1,
  });
});

Deno.test("tar: a cut at any byte before the end mark is an error with the place", async () => {
  const archive = tarOf({ name: "a.py", data: "print(1)" }, { name: "b.py", data: "print(2)" });
  const needed = archive.length - 512; // one block of zeros is enough of an end mark
  const cuts = [...truncations(archive)].filter((cut) => cut.length < needed);
  const { right } = await rightOrError("a.tar", cuts, ["print(1)", "print(2)"]);
  strictEqual(right, 0);
});

Deno.test("tar: a flipped byte in a header, and data after the end mark, are errors", async () => {
  const archive = tarOf({ name: "a.py", data: "print(1)" });
  const damaged = archive.slice();
  damaged[3] ^= 1;
  for (
    const [file, message] of [
      [damaged, /a\.tar, byte 0: not a tar archive/],
      [bytes(archive, "x"), /byte 2048: data after the end mark/],
      [bytes(archive, archive), /byte 2048: data after the end mark/],
    ] as const
  ) {
    const error = await failure(collectFile("a.tar", file));
    ok(error instanceof FormatError);
    match(error.message, message);
  }
});

Deno.test("tar: a name like ../../x is only a label", async () => {
  const { paths } = await collectFile("a.tar", tarOf({ name: "../../x.py", data: "text" }));
  match(paths[0], /a\.tar\/\.\.\/\.\.\/x\.py$/);
});

/**
 * Damage at every bit of small archives, and names that try to get out: an error, or exactly what was packed, and nothing
 * is ever written. gzip and zstd have their own flips in gzip_test.ts and zstd_test.ts, parquet in parquet_test.ts.
 */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { FormatError } from "../../src/errors.ts";
import {
  bitFlips,
  bytes,
  collect,
  collectFile,
  failure,
  paxRecord,
  rightOrError,
  tarMember,
  tarOf,
  withFiles,
  zipOf,
} from "./support.ts";

const source = "def f(x): return x\n".repeat(3);

Deno.test("zip: no flipped bit of the whole archive gives anything but an error or the right texts", async () => {
  const entries = [{ name: "n.py", data: source }, { name: "src/o.cpp", data: "int main() {}", stored: true }];
  for (
    const archive of [zipOf(entries), zipOf(entries.map((entry) => ({ ...entry, zip64: true })), { zip64End: true })]
  ) {
    const { errors } = await rightOrError("a.zip", twoOrThreeOfEach(bitFlips(archive)), [source, "int main() {}"]);
    ok(errors > archive.length, `${errors} of ${archive.length * 8 / 3}`);
  }
});

Deno.test("tar: no flipped bit outside of the contents gives anything but an error or the right texts", async () => {
  const archive = tarOf({ name: "n.py", data: source }, { name: "o.cpp", data: "int main() {}", prefix: "src" });
  const contents = (byte: number) => (byte >= 512 && byte < 512 + source.length) || (byte >= 1536 && byte < 1536 + 13);
  const flips = [...bitFlips(archive)];
  // All of them take long: one bit of each byte.
  const outside = flips.filter((_, bit) => !contents(bit >> 3) && (bit + (bit >> 3)) % 8 === 0);
  const { errors } = await rightOrError("a.tar", outside, [source, "int main() {}"]);
  ok(errors > 512, `${errors} of ${outside.length}`);
  // A tar has no checksum of contents: what is flipped there is read as it stands. Pack it as .tar.zst or .tar.gz.
  const { texts } = await collectFile("a.tar", flips[512 * 8]);
  deepStrictEqual([texts[0].slice(1), texts[1]], [source.slice(1), "int main() {}"]);
});

Deno.test("tar: sizes that lie, are negative or unreadable are errors with the place", async () => {
  const member = (size: number) => tarMember({ name: "a.py", data: source, size });
  const field = (text: string | number[]) => {
    const header = tarMember({ name: "a.py", data: source });
    header.set(bytes(text), 124);
    header.set(bytes("        "), 148);
    header.set(
      bytes(`${header.slice(0, 512).reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, "0")}\0 `),
      148,
    );
    return header;
  };
  const rest = tarOf({ name: "b.py", data: "second" });
  const cases: [Uint8Array, RegExp][] = [
    [bytes(member(5000), rest), /byte \d+: the tar archive ends inside a\.py.* more bytes/],
    [bytes(member(600), rest), /byte 1536: damaged tar header/],
    [bytes(member(0), rest), /byte 512: damaged tar header/],
    [bytes(field("99999999999\0"), rest), /byte 0: unreadable size/],
    [bytes(field("-0000000001\0"), rest), /byte 0: unreadable size/],
    [bytes(field([0xff, ...new Array(10).fill(0xff), 0xff]), rest), /byte 0: unreadable size/],
    [bytes(field([0x80, 0, 0, 0, 0xff, ...new Array(7).fill(0)]), rest), /byte 0: unreadable size/],
    [bytes(field([0x80, ...new Array(9).fill(0), 0x20, 0]), rest), /the tar archive ends inside a\.py/],
    [tarOf({ name: "p", type: "x", data: paxRecord("size", "-1") }, { name: "a" }), /unreadable pax size "-1"/],
    [tarOf({ name: "p", type: "x", data: "99 size=1\n" }, { name: "a" }), /damaged pax header/],
    [tarOf({ name: "p", type: "x", data: "x".repeat(1024 * 1024 + 1) }), /tar metadata of \d+ bytes/],
    [tarOf({ name: "part", type: "M", data: "x" }), /multi-volume/],
  ];
  for (const [archive, message] of cases) {
    const error = await failure(collectFile("a.tar", archive));
    ok(error instanceof FormatError, error.stack);
    match(error.message, message);
  }
  // A size in base 256, as large files have it, is read.
  deepStrictEqual(
    (await collectFile("a.tar", bytes(field([0x80, ...new Array(10).fill(0), source.length]), rest))).texts,
    [
      source,
      "second",
    ],
  );
});

Deno.test("archives: links, devices, pipes and sparse members are counted, and never followed", async () => {
  const types = {
    "1": "skippedLinks",
    "2": "skippedLinks",
    "3": "skippedSpecial",
    "4": "skippedSpecial",
    "6": "skippedSpecial",
  };
  const kinds = [...Object.entries(types), ["S", "skippedSpecial"]];
  for (const [type, counter] of kinds) {
    const archive = tarOf({ name: "/etc/passwd", type, size: 0 }, { name: "a.py", data: source });
    const { texts, report } = await collectFile("a.tar", archive);
    deepStrictEqual(texts, [source]);
    strictEqual(report[counter as "skippedLinks"], 1, type);
  }
  const sparse = tarOf({ name: "p", type: "x", data: paxRecord("GNU.sparse.major", "1") }, {
    name: "a.py",
    data: source,
  });
  strictEqual((await collectFile("a.tar", sparse)).report.skippedSpecial, 1);
});

Deno.test("archives: names that climb out or are absolute are labels; reading writes nothing", async () => {
  const names = ["../../climbs.py", "/absolute.py", "a/../../b.py", "C:\\windows.py", "..\\back.py", "./././dot.py"];
  const entries = names.map((name) => ({ name, data: source }));
  const files = { "in/a.tar": tarOf(...entries), "in/b.zip": zipOf(entries), "in/c.tar.gz": tarOf(...entries) };
  await withFiles(files, async (folder) => {
    await Deno.writeFile(`${folder}/in/c.tar.gz`, await gzipped(files["in/c.tar.gz"]));
    const before = await tree(folder);
    const { texts, paths } = await collect([`${folder}/in`]);
    deepStrictEqual(texts, new Array(18).fill(source));
    ok(paths.every((path) => path.startsWith(`${folder}/in/`)));
    deepStrictEqual(await tree(folder), before);
    for (const name of ["climbs.py", "absolute.py", "b.py", "dot.py"]) {
      for (const place of [`${folder}/${name}`, `${folder}/../${name}`, `/${name}`]) {
        await Deno.stat(place).then(() => ok(false, place), () => {});
      }
    }
  });
});

/** Of eight flips for each byte, two or three: all of them take long. */
function twoOrThreeOfEach(flips: Iterable<Uint8Array>): Uint8Array[] {
  return [...flips].filter((_, bit) => bit % 3 === 0);
}

async function gzipped(data: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([data.slice()]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function tree(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    found.push(name);
    if (isDirectory) found.push(...(await tree(`${folder}/${name}`)).map((inner) => `${name}/${inner}`));
  }
  return found.sort();
}

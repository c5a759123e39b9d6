import { crc32, deflateRawSync } from "node:zlib";
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { createInflater } from "../../src/corpus/inflate.ts";
import { type RandomAccess, readZip, type ZipMember } from "../../src/corpus/zip.ts";
import { FormatError } from "../../src/errors.ts";
import { bitFlips, bytes, collectFile, decoder, failure, rightOrError, truncations, zipOf } from "./support.ts";

const source = "def f(x): return x + 1\n".repeat(9);
const plain = zipOf([{ name: "a.py", data: source }, { name: "lib/b.cpp", data: "int main() {}", stored: true }]);
const texts = [source, "int main() {}"];

Deno.test("zip: deflated and stored members, zip64 and data in front of the archive are read", async () => {
  const entries = [{ name: "a.py", data: source, zip64: true }, { name: "b.cpp", data: "int main() {}", zip64: true }];
  for (const archive of [plain, zipOf(entries), zipOf(entries, { zip64End: true }), bytes("#!/bin/sh\n", plain)]) {
    const result = await collectFile("a.zip", archive);
    deepStrictEqual(result.texts, texts);
    deepStrictEqual(result.languages, ["python", "cpp"]);
    match(result.paths[0], /a\.zip\/a\.py$/);
    strictEqual(result.report.bytesRead, result.report.totalBytes);
  }
});

Deno.test("zip: a cut at any byte is an error with the place", async () => {
  strictEqual((await rightOrError("a.zip", truncations(plain), texts)).right, 0);
});

Deno.test("zip: no flipped bit of a member's data gives wrong text", async () => {
  const dataAt = 30 + "a.py".length;
  const flips = [...bitFlips(plain)].slice(dataAt * 8, (dataAt + 30) * 8);
  // A flip of the bits that fill up the last deflate byte changes nothing.
  const { errors } = await rightOrError("a.zip", flips, texts);
  ok(errors > 0.95 * flips.length);
});

Deno.test("zip: encryption, lies about size, CRC or count, and unknown methods are errors that say so", async () => {
  const cases: [Uint8Array, RegExp][] = [
    [zipOf([{ name: "a.py", data: source, flags: 1 }]), /a\.zip\/a\.py, byte 0: the zip member is encrypted/],
    [zipOf([{ name: "a.py", data: source, declaredSize: 5 }]), /more than the 5 bytes/],
    [zipOf([{ name: "a.py", data: source, declaredSize: 5000 }]), /207 bytes .*5000 as declared/],
    [zipOf([{ name: "a.py", data: source, crc: 1 }]), /CRC-32 mismatch/],
    [zipOf([{ name: "a.py", data: source, method: 12 }]), /compression method 12/],
    [zipOf([{ name: "a.py", data: source }], { count: 2 }), /directory ends after 1 members/],
    [zipOf([{ name: "a.py", data: source }, { name: "b", data: "b" }], { count: 1 }), /more than 1 members/],
    [bytes("not a zip"), /no end of a zip directory/],
  ];
  for (const [archive, message] of cases) {
    const error = await failure(collectFile("a.zip", archive));
    ok(error instanceof FormatError, error.stack);
    match(error.message, message);
  }
});

function inMemory(archive: Uint8Array): RandomAccess {
  return {
    size: archive.length,
    readAt: (offset, length) => Promise.resolve(archive.subarray(offset, offset + length)),
  };
}

/** The members' contents of an archive in memory, and where its members fail, the place; through the handles or through streams. */
async function contentsOf(archive: Uint8Array, sync: boolean): Promise<string[]> {
  const found: string[] = [];
  try {
    for await (const member of readZip(inMemory(archive), "a.zip", sync ? undefined : () => null)) {
      const chunks: Uint8Array[] = [];
      try {
        for await (const chunk of member.contents()) chunks.push(chunk.slice());
        found.push(decoder.decode(bytes(...chunks)));
      } catch (error) {
        ok(error instanceof FormatError, `${error}`);
        found.push(`error in ${member.name}`);
      }
    }
  } catch (error) {
    ok(error instanceof FormatError, `${error}`);
    found.push("error");
  }
  return found;
}

Deno.test("zip: where the runtime's streams cannot be driven synchronously the result is the same", async () => {
  ok(createInflater("raw") !== null);
  const large = `${source.repeat(20_000)}end`;
  const good = [
    plain,
    zipOf([{ name: "large.py", data: large }, { name: "empty", data: "" }, { name: "b", data: source }]),
  ];
  const expected = [texts, [large, "", source]];
  for (const sync of [true, false]) {
    deepStrictEqual(await Promise.all(good.map((archive) => contentsOf(archive, sync))), expected);
  }
  // Compressed data that stops before its end, and bytes behind its end, in a member that says so.
  const packed = new Uint8Array(deflateRawSync(source));
  const packedAs = (data: Uint8Array) =>
    zipOf([{ name: "a.py", data, stored: true, method: 8, declaredSize: source.length, crc: crc32(source) }]);
  deepStrictEqual(await contentsOf(packedAs(packed), true), [source]);
  const bad = [
    packedAs(packed.subarray(0, -1)),
    packedAs(packed.subarray(0, 5)),
    packedAs(bytes(packed, "x")),
    packedAs(bytes(packed, new Uint8Array(300_000))),
    packedAs(new Uint8Array(0)),
    packedAs(bytes([7], packed)),
  ];
  for (const archive of bad) {
    for (const sync of [true, false]) deepStrictEqual(await contentsOf(archive, sync), ["error in a.py"]);
  }
  for (const archive of [...bitFlips(plain)].filter((_, bit) => bit % 7 === 0)) {
    deepStrictEqual(await contentsOf(archive, false), await contentsOf(archive, true));
  }
});

Deno.test("zip: one inflater serves all members, also behind a damaged one and one that is left half read", async () => {
  const large = `${Array.from({ length: 60_000 }, (_, i) => i)}`;
  const data = [source, large, "x", large, "", source];
  const archive = zipOf(data.map((data, i) => ({ name: `${i}`, data, crc: i === 2 ? 1 : undefined })));
  let opened = 0;
  const open = () => {
    opened++;
    return createInflater("raw");
  };
  const found: string[] = [];
  for await (const member of readZip(inMemory(archive), "a.zip", open)) {
    let text = "";
    try {
      for await (const chunk of member.contents()) {
        text += decoder.decode(chunk);
        if (member.name === "1") break;
      }
    } catch (error) {
      text = `${error}`;
    }
    found.push(text);
  }
  strictEqual(opened, 1);
  ok(large.startsWith(found[1]) && found[1].length > 0 && found[1].length < large.length);
  match(found[2], /CRC-32/);
  deepStrictEqual([found[0], ...found.slice(3)], [source, large, "", source]);
});

Deno.test("zip: many small members take few readings, and members that are passed over are not read", async () => {
  const readings = async (size: number, use: (member: ZipMember) => Promise<unknown>) => {
    const data = "x".repeat(size);
    const archive = zipOf(Array.from({ length: 100 }, (_, i) => ({ name: `${i}`, data, stored: true })));
    const source = inMemory(archive);
    let count = 0;
    let bytes = 0;
    const readAt = async (offset: number, length: number) => {
      const read = await source.readAt(offset, length);
      count++;
      bytes += read.length;
      return read;
    };
    for await (const member of readZip({ size: source.size, readAt }, "a.zip")) await use(member);
    return { count, share: bytes / archive.length };
  };
  ok((await readings(1000, (member) => Array.fromAsync(member.contents()))).count < 20);
  ok((await readings(100_000, (member) => member.checkName())).share < 0.1);
});

Deno.test("zip: members that share their bytes (an overlap bomb) are refused", async () => {
  const archive = zipOf([{ name: "a.py", data: source.repeat(50), stored: true }]);
  const view = new DataView(archive.buffer);
  const endAt = archive.length - 22;
  const directoryAt = view.getUint32(endAt + 16, true);
  const entry = archive.slice(directoryAt, endAt);
  const end = archive.slice(endAt);
  const endView = new DataView(end.buffer);
  endView.setUint16(8, 3, true);
  endView.setUint16(10, 3, true);
  endView.setUint32(12, entry.length * 3, true);
  const bomb = bytes(archive.subarray(0, directoryAt), entry, entry, entry, end);
  match((await failure(collectFile("a.zip", bomb))).message, /shares bytes with another member/);
});

Deno.test("zip: folders, hidden and binary members are passed over", async () => {
  const archive = zipOf([
    { name: "d/", data: "" },
    { name: "d/.git/config", data: "hidden" },
    { name: "d/logo.png", data: new Uint8Array([0x89, 0x50, 0, 0, 1]) },
    { name: "../escape.py", data: "label" },
  ]);
  const { texts, report } = await collectFile("a.zip", archive);
  deepStrictEqual(texts, ["label"]);
  strictEqual(report.skippedHidden, 1);
  strictEqual(report.skippedBinary, 1);
});

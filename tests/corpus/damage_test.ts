/** `onError`: what is damaged stops the reading with its place, or is left out, counted and told, and the rest is read. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { FormatError, UserError } from "../../src/errors.ts";
import { bytes, collect, collectFile, encoder, failure, gzip, tarOf, withFiles, zipOf, zstd } from "./support.ts";

const random = Uint8Array.from({ length: 4000 }, (_, i) => 32 + (i * 7919 + (i * i) % 131) % 90);

/** Reads a file and leaves out what is damaged. */
async function skipping(name: string, contents: Uint8Array | string) {
  const told: string[] = [];
  const result = await collectFile(name, contents, { onError: "skip", onDamage: (what) => told.push(what) });
  // Where a member's damage is its archive's too, what else is lost is told by itself.
  const damages = told.filter((what) => !what.startsWith("the rest of "));
  strictEqual(result.report.skippedDamaged, damages.length);
  strictEqual(new Set(damages).size, damages.length);
  const lost = told.filter((what) => /(^|\nLOST: )the rest of /.test(what)).length;
  return { texts: result.texts, told, lost };
}

function flippedAt(contents: Uint8Array, at: number): Uint8Array {
  const flipped = contents.slice();
  flipped[at] ^= 0x10;
  return flipped;
}

Deno.test("damage: a broken member of a zip is left out, the next ones are read", async () => {
  const entries = [
    { name: "a.py", data: "first" },
    { name: "b.py", data: "second", crc: 1 },
    { name: "c.py", data: "third", flags: 1 },
    { name: "d.py", data: "fourth", method: 12 },
    { name: "e.py", data: "fifth", declaredSize: 3 },
    { name: "f.py.gz", data: flippedAt(gzip("sixth"), 12) },
    { name: "g.py", data: "seventh" },
  ];
  const { texts, told, lost } = await skipping("a.zip", zipOf(entries));
  deepStrictEqual(texts, ["first", "seventh"]);
  deepStrictEqual(told.map((what) => /a\.zip\/(\w)\.py[.gz]*, (near )?byte \d+: /.exec(what)?.[1]).join(""), "bcdef");
  strictEqual(lost, 0);
  for (const entry of entries.slice(1, 6)) {
    const error = await failure(collectFile("a.zip", zipOf([entry])));
    ok(error instanceof FormatError);
    match(error.message, new RegExp(`a\\.zip/${entry.name}, (near )?byte \\d+: `));
  }
});

Deno.test("damage: a broken member of a tar is left out, the next ones are read", async () => {
  const tar = tarOf(
    { name: "a.py", data: "first" },
    { name: "b.py.gz", data: flippedAt(gzip(random), 900) },
    { name: "c.jsonl", data: '{"text": "second"}\n{"text": \n{"text": "third"}\n' },
    { name: "d.py.zst", data: zstd("fourth").subarray(0, 12) },
    { name: "e.py", data: "fifth" },
  );
  for (const [name, file] of [["a.tar", tar], ["a.tar.gz", gzip(tar)], ["a.tar.zst", zstd(tar)]] as const) {
    const { texts, told } = await skipping(name, file);
    deepStrictEqual(texts, ["first", "second", "third", "fifth"]);
    strictEqual(told.length, 3);
    match(told[0], /a\.tar(\.gz|\.zst)?\/b\.py\.gz, near byte \d+: damaged or truncated gzip data/);
    match(told[1], /a\.tar(\.gz|\.zst)?\/c\.jsonl:2, byte 28: not JSON/);
    match(told[2], /a\.tar(\.gz|\.zst)?\/d\.py\.zst, byte 12: the zstd data ends/);
    match((await failure(collectFile(name, file))).message, /b\.py\.gz, near byte/);
  }
});

Deno.test("damage: where the container itself is broken, the rest of it is lost, and that is said", async () => {
  const tar = tarOf({ name: "a.py", data: "first" }, { name: "b.py", data: "second" }, { name: "c.py", data: "third" });
  const cases: [string, Uint8Array, string[]][] = [
    ["header.tar", flippedAt(tar, 1024 + 5), ["first"]],
    ["cut.tar", tar.subarray(0, 2100), ["first", "second"]],
    ["end.tar", tar.subarray(0, 3072), ["first", "second", "third"]],
    ["tail.tar", bytes(tar, "x"), ["first", "second", "third"]],
    ["cut.zip", zipOf([{ name: "a.py", data: "first" }]).subarray(0, -4), []],
    ["count.zip", zipOf([{ name: "a.py", data: "first" }], { count: 2 }), ["first"]],
    ["cut.tar.zst", zstd(tar).subarray(0, -9), []],
    ["sum.txt.zst", flippedAt(zstd("first"), zstd("first").length - 1), []],
  ];
  for (const [name, file, expected] of cases) {
    const { texts, told, lost } = await skipping(name, file);
    deepStrictEqual(texts, expected, name);
    ok(told.length > 0, name);
    if (name !== "sum.txt.zst") ok(lost > 0, `${name}: ${told}`);
    ok(await failure(collectFile(name, file)) instanceof FormatError);
  }
});

Deno.test("damage: a member that is cut with its archive is one damage, told once, and so is what is lost with it", async () => {
  const data = Array.from({ length: 30_000 }, (_, i) => i).join("\n");
  const tar = tarOf(
    { name: "a.py", data: "first" },
    { name: "b.py", data: data.slice(0, 40_000) },
    { name: "c.py", data },
  );
  const files: [string, Uint8Array][] = [
    ["small.tar", tar.subarray(0, 20_000)],
    ["large.tar", tar.subarray(0, 120_000)],
    ["a.tar.zst", zstd(tar).subarray(0, -100)],
    ["a.tar.gz", gzip(tar).subarray(0, -100)],
  ];
  for (const [name, file] of files) {
    const { texts, told, lost } = await skipping(name, file);
    deepStrictEqual([texts[0], told.length, lost], ["first", 2, 1], `${name}: ${told}`);
    match(told[1], new RegExp(`^the rest of .*${name}$`));
  }
});

Deno.test("damage: files after a broken one are read, and lines after a broken one", async () => {
  const files = {
    "1.py": "first",
    "2.tar": "not a tar".repeat(100),
    "3.jsonl": '{"text": "second"}\nnonsense\n{"code": 1}\n{"text": "third"}\n',
    "4.py": "fourth",
  };
  await withFiles(files, async (folder) => {
    const { texts, report } = await collect([folder], { onError: "skip" });
    deepStrictEqual(texts, ["first", "second", "third", "fourth"]);
    strictEqual(report.skippedDamaged, 3);
    strictEqual(report.bytesRead, report.totalBytes);
  });
});

Deno.test("damage: a line or a file that is too large is left out as well, and the next line is found", async () => {
  const long = `{"text": "${"x".repeat(600_000)}"}`;
  for (const file of [`{"text": "a"}\n${long}\n{"text": "b"}`, `${long}\n{"text": "a"}\n{"text": "b"}\n${long}`]) {
    const { texts, report } = await collectFile("a.jsonl", file, { onError: "skip", maxDocumentBytes: 1000 });
    deepStrictEqual(texts, ["a", "b"]);
    strictEqual(report.skippedDamaged, file.split('xxx"').length - 1);
  }
  const { told } = await skippingSmall("x".repeat(2000));
  match(told[0], /a\.txt: more than 1000 bytes/);
});

async function skippingSmall(contents: string) {
  const told: string[] = [];
  await collectFile("a.txt", contents, {
    onError: "skip",
    maxDocumentBytes: 1000,
    onDamage: (what) => told.push(what),
  });
  return { told };
}

Deno.test("damage: a zip archive inside another container that is too large to be held is left out, and what follows is read", async () => {
  const inner = zipOf([{ name: "b.py", data: random }]);
  const archive = tarOf({ name: "a.py", data: "x = 1" }, { name: "inner.zip", data: inner }, {
    name: "c.py",
    data: "y = 2",
  });
  const options = { maxDocumentBytes: 3000 };
  match(
    (await failure(collectFile("a.tar", archive, options))).message,
    /inner\.zip: more than 3000 bytes.*zip archive/,
  );
  const { texts, report } = await collectFile("a.tar", archive, { ...options, onError: "skip" });
  deepStrictEqual([texts, report.skippedDamaged], [["x = 1", "y = 2"], 1]);
});

Deno.test("damage: the user's mistakes are errors in any case", async () => {
  ok(await failure(collect(["/does/not/exist"], { onError: "skip" })) instanceof UserError);
  ok(await failure(collectFile("a.png", "a\0b", { onError: "skip" })) instanceof UserError);
});

Deno.test("bombs: what inflates to more than a limit and a multiple of its size is refused, however it is nested", async () => {
  const zeros = new Uint8Array(3_000_000).fill(10);
  const zip = zipOf([{ name: "a.txt", data: zeros }]);
  const nested = zipOf(Array.from({ length: 40 }, (_, i) => ({ name: `${i}.zip`, data: zip })));
  const maxInflation = { bytes: 2_000_000, ratio: 50 };
  const cases: [string, Uint8Array][] = [
    ["a.txt.gz", gzip(zeros)],
    ["a.txt.zst", zstd(zeros)],
    ["a.tar.gz", gzip(tarOf({ name: "a.txt", data: zeros }))],
    ["a.zip", zip],
    ["nested.zip", nested],
    ["binary.zip", zipOf([{ name: "a.bin", data: new Uint8Array(3_000_000) }])],
  ];
  for (const [name, file] of cases) {
    // Skipping damage does not help: a bomb's next member is as bad.
    for (const onError of ["stop", "skip"] as const) {
      const error = await failure(collectFile(name, file, { maxInflation, onError }));
      ok(error instanceof UserError, `${name}: ${error.stack}`);
      match(error.message, new RegExp(`${name}.*: it has inflated to more than 50 times.*\\n.*--max_inflation`));
    }
    await collectFile(name, file, { maxInflation: { bytes: 200_000_000 } });
    await collectFile(name, file);
  }
  // What is merely well compressed passes: the multiple counts, and so does each file for itself.
  const text = encoder.encode("text that is compressed well enough\n".repeat(60_000));
  await withFiles({ "1.txt.gz": gzip(bytes(text, random)), "2.py.gz": gzip(bytes(random, text)) }, async (folder) => {
    strictEqual((await collect([folder], { maxInflation: { bytes: 2_000_000, ratio: 1000 } })).texts.length, 2);
  });
});

Deno.test("damage that stops the work comes with a hint at --on_error, unless it has another", async () => {
  const cut = gzip("x".repeat(1000)).subarray(0, -9);
  for (
    const [name, contents] of [["a.gz", cut], [
      "a.tar.gz",
      gzip(tarOf({ name: "a.py", data: "x" }).subarray(0, 700)),
    ]] as const
  ) {
    const { message } = await failure(collectFile(name, contents));
    strictEqual(message.split("HINT: --on_error skip").length, 2, message);
  }
  match((await failure(collectFile("a.jsonl", '{"text": }\n'))).message, /HINT: --on_error skip/);
  const other = (await failure(collectFile("a.jsonl", '{"code": "x"}\n'))).message;
  ok(other.includes("--json_key") && !other.includes("--on_error"));
  const { told } = await skipping("a.jsonl", '{"text": }\n');
  ok(told.length === 1 && !told[0].includes("--on_error"));
});

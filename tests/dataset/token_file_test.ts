/** Token files: golden bytes from numpy, round trips, damage, failures while writing. */
import fc from "fast-check";
import { FormatError, UserError } from "../../src/errors.ts";
import { openTokenFile } from "../../src/dataset/token_reader.ts";
import { createTokenFileWriter } from "../../src/dataset/token_writer.ts";
import { centralDirectory, localHeader } from "../../src/dataset/npz_write.ts";
import { assert, assertFails } from "../assert.ts";
import {
  countingDocuments,
  description,
  goldenFolder,
  inFolder,
  namesIn,
  npyArray,
  npyBytes,
  writeDocuments,
  zipBytes,
} from "./files.ts";

fc.configureGlobal({ seed: 20261123 });

async function readAll(prefix: string): Promise<{ ids: number[]; offsets: number[] }> {
  using file = await openTokenFile(prefix);
  const ids = new Uint32Array(file.tokens);
  file.read(0, file.tokens, ids);
  const offsets = await file.documentOffsets(Array.from({ length: file.documents + 1 }, (_, i) => i));
  return { ids: [...ids], offsets };
}

Deno.test("a token file written here is byte for byte the one that numpy wrote", () =>
  inFolder(async (folder) => {
    const { ids } = await readAll(`${goldenFolder}/golden`);
    assert.equal(ids.length, 100);
    writeDocuments(`${folder}/golden`, [ids], 257);
    for (const name of ["golden_ids.npy", "golden_idx.npz"]) {
      assert.deepEqual(Deno.readFileSync(`${folder}/${name}`), Deno.readFileSync(`${goldenFolder}/${name}`), name);
    }
  }));

Deno.test("what is written is read back, for any documents and vocabulary sizes", () =>
  inFolder((folder) => {
    const documents = fc.array(fc.array(fc.nat(130), { maxLength: 20 }), { maxLength: 12 });
    return fc.assert(
      fc.asyncProperty(documents, fc.constantFrom(131, 65534, 65535, 100_000), async (documents, vocabSize) => {
        writeDocuments(`${folder}/x`, documents, vocabSize);
        const { ids, offsets } = await readAll(`${folder}/x`);
        assert.deepEqual(ids, documents.flat());
        let end = 0;
        assert.deepEqual(offsets, [0, ...documents.map((document) => end += document.length)]);
        assert.equal(Deno.statSync(`${folder}/x_ids.npy`).size, 128 + ids.length * (vocabSize < 65535 ? 2 : 4));
      }),
      { numRuns: 60 },
    );
  }));

Deno.test("buffers that fill up many times lose nothing", () =>
  inFolder(async (folder) => {
    using writer = createTokenFileWriter(`${folder}/x`, { vocabSize: 100_000 });
    const documents = 600_000;
    for (let i = 0; i < documents; i++) writer.append([i % 99_999, 7], 3, i % 2 === 0 ? 99_999 : undefined);
    const meta = writer.commit(description);
    assert.deepEqual([meta.documents, meta.tokens, meta.text_bytes], [documents, documents * 2.5, documents * 3]);
    using file = await openTokenFile(`${folder}/x`);
    const ids = new Uint32Array(5);
    file.read(documents / 2 * 5 - 5, 5, ids);
    assert.deepEqual([...ids], [(documents - 2) % 99_999, 7, 99_999, (documents - 1) % 99_999, 7]);
    assert.deepEqual(await file.documentOffsets([0, 3, documents - 1, documents]), [
      0,
      8,
      documents * 2.5 - 2,
      documents * 2.5,
    ]);
  }));

Deno.test("read() reads any range and refuses one outside of the file", () =>
  inFolder(async (folder) => {
    writeDocuments(`${folder}/x`, countingDocuments([5, 5]));
    using file = await openTokenFile(`${folder}/x`);
    const out = new Uint32Array(6).fill(99);
    file.read(3, 4, out, 1);
    assert.deepEqual([...out], [99, 3, 4, 5, 6, 99]);
    assert.throws(() => file.read(8, 3, out), RangeError);
    assert.throws(() => file.read(0, 7, out), RangeError);
  }));

Deno.test("numpy.savez_compressed's deflated members are read, and so are .npy versions 2 and 3", () =>
  inFolder(async (folder) => {
    const dict = "{'shape': (3L,), 'fortran_order': False, 'descr': \"<i4\"}";
    for (const [version, deflated] of [[2, true], [3, false]] as const) {
      Deno.writeFileSync(
        `${folder}/x_ids.npy`,
        npyBytes(dict, new Uint8Array(Int32Array.of(5, 70_000, 6).buffer), version),
      );
      const members = { "lens.npy": npyArray("<i8", [2, 0, 1]), "docs.npy": npyArray("<i4", [0, 1, 2, 3]) };
      Deno.writeFileSync(`${folder}/x_idx.npz`, zipBytes(members, deflated));
      assert.deepEqual(await readAll(`${folder}/x`), { ids: [5, 70_000, 6], offsets: [0, 2, 2, 3] });
    }
  }));

Deno.test("a missing file is the user's mistake", () =>
  inFolder(async (folder) => {
    await assert.rejects(openTokenFile(`${folder}/none`), UserError);
    writeDocuments(`${folder}/x`, [[1]]);
    Deno.removeSync(`${folder}/x_idx.npz`);
    await assert.rejects(openTokenFile(`${folder}/x`), UserError);
  }));

Deno.test("every truncation of either file is a FormatError that names the file", () =>
  inFolder(async (folder) => {
    writeDocuments(`${folder}/x`, countingDocuments([3, 4]));
    Deno.removeSync(`${folder}/x_meta.json`);
    for (const name of ["x_ids.npy", "x_idx.npz"]) {
      const whole = Deno.readFileSync(`${folder}/${name}`);
      for (let length = 0; length < whole.length; length++) {
        Deno.writeFileSync(`${folder}/${name}`, whole.subarray(0, length));
        await assertFails(() => openTokenFile(`${folder}/x`), `${folder}/${name}`);
        await assert.rejects(openTokenFile(`${folder}/x`), FormatError);
      }
      Deno.writeFileSync(`${folder}/${name}`, new Uint8Array([...whole, 0]));
      await assert.rejects(openTokenFile(`${folder}/x`), FormatError);
      Deno.writeFileSync(`${folder}/${name}`, whole);
    }
    await readAll(`${folder}/x`);
  }));

Deno.test("a changed byte of the index is found, or changes nothing", () =>
  inFolder(async (folder) => {
    writeDocuments(`${folder}/x`, countingDocuments([3, 4, 5]));
    const good = await readAll(`${folder}/x`);
    const stored = Deno.readFileSync(`${folder}/x_idx.npz`);
    const members = { "lens.npy": npyArray("<i4", [3, 4, 5]), "docs.npy": npyArray("<i8", [0, 1, 2, 3]) };
    for (const whole of [stored, zipBytes(members, true)]) {
      await fc.assert(
        fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
          const bytes = whole.slice();
          bytes[at] ^= flip;
          Deno.writeFileSync(`${folder}/x_idx.npz`, bytes);
          try {
            assert.deepEqual(await readAll(`${folder}/x`), good);
          } catch (error) {
            if (!(error instanceof FormatError)) throw error;
          }
        }),
        { numRuns: 300 },
      );
    }
  }));

Deno.test("wrong headers of the ids are refused with the reason", () =>
  inFolder(async (folder) => {
    const path = `${folder}/x_ids.npy`;
    writeDocuments(`${folder}/x`, [[1, 2]]);
    const refused = async (bytes: Uint8Array, ...parts: string[]) => {
      Deno.writeFileSync(path, bytes);
      await assertFails(() => openTokenFile(`${folder}/x`), path, ...parts);
    };
    const header = (descr: string, order: string, shape: string) =>
      npyBytes(`{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }\n`, new Uint8Array(4));
    await refused(header("'>u2'", "False", "(2,)"), "'>u2'", "little-endian");
    await refused(header("'<f4'", "False", "(1,)"), "'<f4'", "'<u2'");
    await refused(header("'<i8'", "False", "(1,)"), "'<i8'");
    await refused(header("'<u2'", "True", "(2,)"), "Fortran");
    await refused(header("'<u2'", "False", "(2, 1)"), "2 dimensions");
    await refused(header("'<u2'", "False", "()"), "0 dimensions");
    await refused(header("'<u2'", "False", "(2)"), "not a dict");
    await refused(header("'<u2'", "False", "(-2,)"), "not a dict");
    await refused(header("'<u2'", "False", "(3,)"), "cut off");
    await refused(header("'<u2'", "False", "(1,)"), "goes on");
    await refused(header("'<u2'", "False", "(99999999999999999999,)"), "under 2^53");
    await refused(header("[('a', '<u2')]", "False", "(2,)"), "not a dict");
    await refused(npyBytes("{'descr': '<u2', 'descr': '<u2', 'shape': (2,), }", new Uint8Array(4)), "not a dict");
    await refused(npyBytes("{}", new Uint8Array(4), 4), "version 4.0");
    await refused(new TextEncoder().encode("PK\x03\x04 and so on"), "not a .npy array", "byte 0");
  }));

Deno.test("an index that contradicts itself or the ids is refused", () =>
  inFolder(async (folder) => {
    writeDocuments(`${folder}/x`, [[1, 2, 3]]);
    Deno.removeSync(`${folder}/x_meta.json`);
    const refused = async (lens: number[], docs: number[], ...parts: string[]) => {
      const members = { "lens.npy": npyArray("<i4", lens), "docs.npy": npyArray("<i8", docs) };
      Deno.writeFileSync(`${folder}/x_idx.npz`, zipBytes(members, false));
      using file = await openTokenFile(`${folder}/x`);
      await assertFails(() => file.documentOffsets([0]), `${folder}/x_idx.npz`, ...parts);
    };
    await refused([2], [0, 1], "2 tokens", "3");
    await refused([2, 2], [0, 1, 2], "lens[1] is 2", "0 to 1");
    await refused([4, -1], [0, 1, 2], "lens[0] is 4");
    await refused([3], [1, 1], "docs[0] is 1");
    await refused([3], [0, 2], "docs[1] is 2");
    await refused([1, 2], [0, 1], "docs[1] is 1", "2, the number of lengths");
    await refused([3], [], "docs[0] is 0");

    const only = { "lens.npy": npyArray("<i4", [3]) };
    Deno.writeFileSync(`${folder}/x_idx.npz`, zipBytes(only, false));
    await assertFails(() => openTokenFile(`${folder}/x`), "no docs.npy");
    const both = { ...only, "docs.npy": npyArray("<i8", [0, 1]) };
    for (const deflated of [false, true]) {
      Deno.writeFileSync(`${folder}/x_idx.npz`, zipBytes(both, deflated, 1));
      await assertFails(() => readAll(`${folder}/x`), "checksum");
    }
  }));

Deno.test("an id outside of the vocabulary is refused where it is read, with its byte", () =>
  inFolder(async (folder) => {
    writeDocuments(`${folder}/x`, [[1, 2, 300]], 301);
    using file = await openTokenFile(`${folder}/x`, { vocabSize: 257 });
    const out = new Uint32Array(2);
    file.read(0, 2, out);
    await assertFails(() => file.read(1, 2, out), "token id 300", `${folder}/x_ids.npy, byte 132`, "0 to 256", "HINT");
    Deno.writeFileSync(`${folder}/y_ids.npy`, npyArray("<i4", [1, -5]));
    Deno.writeFileSync(
      `${folder}/y_idx.npz`,
      zipBytes({ "lens.npy": npyArray("<i4", [2]), "docs.npy": npyArray("<i8", [0, 1]) }, false),
    );
    await assertFails(() => readAll(`${folder}/y`), "token id -5");
  }));

Deno.test("a meta file that is damaged or of another run is refused", () =>
  inFolder(async (folder) => {
    writeDocuments(`${folder}/x`, [[1, 2]]);
    const path = `${folder}/x_meta.json`;
    const meta = JSON.parse(Deno.readTextFileSync(path));
    Deno.writeTextFileSync(path, JSON.stringify({ ...meta, tokens: 3 }));
    await assertFails(() => openTokenFile(`${folder}/x`), path, "3 tokens", "2 tokens");
    Deno.writeTextFileSync(path, JSON.stringify({ ...meta, tokenizer: { name: "x" } }));
    await assertFails(() => openTokenFile(`${folder}/x`), path, "tokenizer.fingerprint");
    Deno.writeTextFileSync(path, "{");
    await assertFails(() => openTokenFile(`${folder}/x`), path, "JSON");
  }));

Deno.test("ids behind the first 4 GiB are read from the right place", () =>
  inFolder(async (folder) => {
    const count = 3 * 2 ** 30;
    writeDocuments(`${folder}/x`, [[1]]);
    Deno.removeSync(`${folder}/x_meta.json`);
    const dict = `{'descr': '<u2', 'fortran_order': False, 'shape': (${count},), }`;
    {
      using file = Deno.openSync(`${folder}/x_ids.npy`, { write: true, truncate: true });
      const header = npyBytes(dict, new Uint8Array(0));
      file.writeSync(header);
      file.truncateSync(header.length + 2 * count); // a sparse file: it takes no room
      file.seekSync(header.length + 2 * (count - 3), Deno.SeekMode.Start);
      file.writeSync(new Uint8Array(Uint16Array.of(7, 8, 9).buffer));
    }
    using file = await openTokenFile(`${folder}/x`);
    const out = new Uint32Array(4);
    file.read(count - 4, 4, out);
    assert.deepEqual([...out], [0, 7, 8, 9]);
  }));

Deno.test("members and directories over 4 GiB get zip64 records", () => {
  const size = 5 * 2 ** 30;
  const local = new DataView(localHeader({ name: "lens.npy", size, crc32: 1 }).buffer);
  assert.deepEqual([local.getUint16(4, true), local.getUint32(18, true), local.getBigUint64(42, true)], [
    45,
    0xffffffff,
    BigInt(size),
  ]);
  const bytes = centralDirectory([{ name: "docs.npy", size, crc32: 1, offset: size }], 2 * size);
  const view = new DataView(bytes.buffer);
  assert.equal(view.getUint32(42, true), 0xffffffff);
  assert.deepEqual([58, 66, 74].map((at) => view.getBigUint64(at, true)), [size, size, size].map(BigInt));
  assert.equal(view.getUint32(82, true), 0x06064b50);
  assert.equal(view.getBigUint64(82 + 48, true), BigInt(2 * size));
  assert.equal(view.getUint32(82 + 56, true), 0x07064b50);
});

Deno.test("without commit nothing is left, and an older token file stays as it was", () =>
  inFolder(async (folder) => {
    {
      using writer = createTokenFileWriter(`${folder}/x`, { vocabSize: 10 });
      writer.append([1, 2, 3], 3);
    }
    assert.deepEqual(namesIn(folder), []);
    writeDocuments(`${folder}/x`, [[1, 2]]);
    {
      using writer = createTokenFileWriter(`${folder}/x`, { vocabSize: 10 });
      writer.append([3], 3);
      assert.ok(namesIn(folder).includes("x_ids.npy.partial"));
    }
    assert.deepEqual(namesIn(folder), ["x_ids.npy", "x_idx.npz", "x_meta.json"]);
    assert.deepEqual((await readAll(`${folder}/x`)).ids, [1, 2]);
  }));

Deno.test("a commit that fails half-way leaves nothing under a final name", () =>
  inFolder(async (folder) => {
    using writer = createTokenFileWriter(`${folder}/x`, { vocabSize: 10 });
    writer.append([1], 1);
    Deno.mkdirSync(`${folder}/x_meta.json/in the way`, { recursive: true });
    await assertFails(() => writer.commit(description), "cannot finish", `${folder}/x`);
    assert.deepEqual(namesIn(folder), ["x_meta.json"]);
    await assertFails(() => writer.append([1], 1), "already aborted");
  }));

Deno.test("a full disk is an error that names the file", async () => {
  const full = "/dev/full";
  const { writeFully } = await import("../../src/files.ts");
  try {
    Deno.statSync(full);
  } catch {
    return; // only Linux has one
  }
  using file = Deno.openSync(full, { write: true });
  await assertFails(() => writeFully(file, new Uint8Array(10), full), full, "cannot write", "space");
});

Deno.test("a folder that cannot be made, an id outside of the vocabulary, a second writer: each a clear error", () =>
  inFolder(async (folder) => {
    Deno.writeTextFileSync(`${folder}/file`, "");
    assert.throws(() => createTokenFileWriter(`${folder}/file/x`, { vocabSize: 10 }), UserError);
    for (const id of [10, -1, NaN]) {
      using writer = createTokenFileWriter(`${folder}/new/folder/x`, { vocabSize: 10 });
      await assertFails(() => writer.append([1, id], 1), `token ${id}`, "0 to 9");
      await assertFails(() => writer.commit(description), "already aborted");
    }
    assert.deepEqual(namesIn(`${folder}/new/folder`), []);
    using _writer = createTokenFileWriter(`${folder}/new/folder/x`, { vocabSize: 10 });
    assert.throws(() => createTokenFileWriter(`${folder}/new/folder/x`, { vocabSize: 10 }), UserError);
    assert.ok(namesIn(`${folder}/new/folder`).includes("x_ids.npy.partial"), "the first writer's file is still there");
  }));

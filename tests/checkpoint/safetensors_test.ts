/** safetensors files: golden data, round trips, and every kind of damage. */
import fc from "fast-check";
import { CodekilnError, FormatError, UserError } from "../../src/errors.ts";
import { readSafetensors, type TensorToWrite, writeSafetensors } from "../../src/checkpoint/safetensors.ts";
import { assert, assertFails } from "../assert.ts";

fc.configureGlobal({ seed: 20261123 });

const golden = new URL("../golden/bytes/model.safetensors", import.meta.url).pathname;

async function inFolder(action: (folder: string) => unknown): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    await action(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** A file with any header text and any number of data bytes. */
function fileOf(header: string | object, dataBytes = 0): Uint8Array {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

async function assertRefused(bytes: Uint8Array, ...parts: string[]): Promise<void> {
  await inFolder(async (folder) => {
    const path = `${folder}/x.safetensors`;
    Deno.writeFileSync(path, bytes);
    await assertFails(() => readSafetensors(path).close(), path, ...parts);
  });
}

const f32 = (begin: number, end: number, shape = [(end - begin) / 4]) => ({
  dtype: "F32",
  shape,
  data_offsets: [begin, end],
});

Deno.test("readSafetensors() reads a checkpoint that PyTorch wrote", () => {
  using file = readSafetensors(golden);
  const info = file.header.tensors.get("transformer.wte.weight") ?? file.header.tensors.get("wte.weight");
  assert.ok(info);
  assert.deepEqual(info.shape, [257, 64]);
  for (const [name, { shape, byteLength }] of file.header.tensors) {
    const values = file.read(name);
    assert.equal(values.length, shape.reduce((a, b) => a * b, 1));
    assert.equal(values.byteLength, byteLength);
    assert.ok(values.every(Number.isFinite), name);
  }
});

Deno.test("a checkpoint written again has the same tensors in the same order", () =>
  inFolder(async (folder) => {
    using source = readSafetensors(golden);
    const copies = [...source.header.tensors].map(([name, { shape }]): TensorToWrite => ({
      name,
      shape,
      dtype: "F32",
      data: source.read(name),
    }));
    await writeSafetensors(`${folder}/copy.safetensors`, copies, { format: "pt" });
    using copy = readSafetensors(`${folder}/copy.safetensors`);
    assert.deepEqual([...copy.header.tensors.keys()], [...source.header.tensors.keys()]);
    assert.deepEqual({ ...copy.header.metadata }, { format: "pt" });
    for (const name of source.header.tensors.keys()) assert.deepEqual(copy.read(name), source.read(name));
  }));

Deno.test("what writeSafetensors() writes, readSafetensors() reads, for any names, shapes, values and chunks", async () => {
  const tensors = fc.uniqueArray(
    fc.record({
      name: fc.oneof(
        fc.string({ unit: "grapheme" }),
        fc.constantFrom("__proto__", "h.0.ln_1.weight", '"', "\\", "a:b", "{"),
      ),
      shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }),
      chunk: fc.integer({ min: 1, max: 9 }),
      fill: fc.float(),
    }).filter(({ name }) => name !== "__metadata__"),
    { selector: ({ name }) => name, maxLength: 6 },
  );
  await inFolder((folder) =>
    fc.assert(
      fc.asyncProperty(tensors, fc.dictionary(fc.string(), fc.string()), async (tensors, metadata) => {
        const path = `${folder}/x.safetensors`;
        const expected = tensors.map(({ shape, fill }) => {
          const length = shape.reduce((a, b) => a * b, 1);
          return Float32Array.from({ length }, (_, i) => i === 0 ? fill : i / 3);
        });
        await writeSafetensors(
          path,
          tensors.map(({ name, shape, chunk }, t) => ({
            name,
            shape,
            dtype: "F32",
            async *data() {
              for (let i = 0; i < expected[t].length; i += chunk) {
                yield await Promise.resolve(expected[t].slice(i, i + chunk));
              }
            },
          })).map(({ data, ...rest }): TensorToWrite => ({ ...rest, dtype: "F32", data: data() })),
          metadata,
        );
        using file = readSafetensors(path);
        assert.deepEqual([...file.header.tensors.keys()], tensors.map(({ name }) => name));
        assert.deepEqual(Object.entries(file.header.metadata), Object.entries(metadata));
        for (const [t, { name, shape }] of tensors.entries()) {
          assert.deepEqual(file.header.tensors.get(name)?.shape, shape);
          assert.deepEqual(new Uint8Array(file.read(name).buffer), new Uint8Array(expected[t].buffer));
        }
      }),
      { numRuns: 60 },
    )
  );
});

Deno.test("the written data start at a multiple of 8 bytes and the header names the tensors in the order given", () =>
  inFolder(async (folder) => {
    const path = `${folder}/x.safetensors`;
    await writeSafetensors(path, [
      { name: "b", shape: [2], dtype: "F32", data: Float32Array.of(1, 2) },
      { name: "a", shape: [], dtype: "F32", data: Float32Array.of(3) },
    ]);
    const bytes = Deno.readFileSync(path);
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    assert.equal((8 + length) % 8, 0);
    const json = new TextDecoder().decode(bytes.subarray(8, 8 + length));
    assert.equal(
      json.trimEnd(),
      '{"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[],"data_offsets":[8,12]}}',
    );
    assert.deepEqual([...new Float32Array(bytes.buffer.slice(8 + length))], [1, 2, 3]);
  }));

Deno.test("readInto() reads a range of a tensor and refuses one outside of it", () => {
  using file = readSafetensors(golden);
  const [name] = file.header.tensors.keys();
  const whole = file.read(name);
  const range = new Float32Array(5);
  file.readInto(name, range, 7);
  assert.deepEqual(range, whole.slice(7, 12));
  assert.throws(() => file.readInto(name, range, whole.length - 4), RangeError);
});

Deno.test("F16 and BF16 are widened exactly; other types are refused by name", () =>
  inFolder(async (folder) => {
    const bytes = fileOf({
      half: { dtype: "F16", shape: [4], data_offsets: [0, 8] },
      brain: { dtype: "BF16", shape: [3], data_offsets: [8, 14] },
      count: { dtype: "U8", shape: [2], data_offsets: [14, 16] },
    }, 16);
    const halves = new Uint16Array([0x3c00, 0xc000, 0x0001, 0x7c00, 0x3f80, 0xc040, 0x0080]);
    bytes.set(new Uint8Array(halves.buffer), bytes.length - 16);
    Deno.writeFileSync(`${folder}/x`, bytes);
    using file = readSafetensors(`${folder}/x`);
    assert.deepEqual([...file.read("half")], [1, -2, 2 ** -24, Infinity]);
    assert.deepEqual([...file.read("brain")], [1, -3, 2 ** -126]);
    await assertFails(() => file.read("count"), '"count"', "U8", "F32");
    await assertFails(() => file.read("none"), '"none"');
  }));

Deno.test("every truncation of a file is refused", () =>
  inFolder(async (folder) => {
    const path = `${folder}/x.safetensors`;
    await writeSafetensors(path, [
      { name: "a", shape: [2, 2], dtype: "F32", data: new Float32Array(4) },
      { name: "b", shape: [3], dtype: "F32", data: new Float32Array(3) },
    ], { format: "pt" });
    const whole = Deno.readFileSync(path);
    for (let length = 0; length < whole.length; length++) {
      Deno.writeFileSync(path, whole.subarray(0, length));
      assert.throws(() => readSafetensors(path), FormatError, `${length} bytes`);
    }
    Deno.writeFileSync(path, new Uint8Array([...whole, 0]));
    await assertFails(() => readSafetensors(path), "belong to no tensor", `byte ${whole.length}`);
  }));

Deno.test("a changed header byte never does worse than a FormatError", () =>
  inFolder(async (folder) => {
    const path = `${folder}/x.safetensors`;
    await writeSafetensors(path, [
      { name: "a", shape: [2, 2], dtype: "F32", data: new Float32Array(4) },
      { name: "b", shape: [3], dtype: "F32", data: new Float32Array(3) },
    ]);
    const whole = Deno.readFileSync(path);
    fc.assert(
      fc.property(fc.nat(whole.length - 29), fc.integer({ min: 0, max: 255 }), (at, byte) => {
        const bytes = whole.slice();
        bytes[at] = byte;
        Deno.writeFileSync(path, bytes);
        try {
          using file = readSafetensors(path);
          let total = 0;
          for (const { byteLength } of file.header.tensors.values()) total += byteLength;
          assert.equal(total, 28);
        } catch (error) {
          if (!(error instanceof FormatError)) throw error;
        }
      }),
      { numRuns: 300 },
    );
  }));

Deno.test("hostile headers are refused with the reason", async () => {
  const huge = new Uint8Array(16);
  new DataView(huge.buffer).setBigUint64(0, 2n ** 63n, true);
  await assertRefused(huge, "byte 0", "9223372036854775808 bytes", "at most 100000000");
  new DataView(huge.buffer).setBigUint64(0, 9n, true);
  await assertRefused(huge, "cut off", "at least 17 bytes");
  await assertRefused(fileOf("{"), "not well-formed JSON");
  await assertRefused(new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0, 0xff]), "not UTF-8");
  await assertRefused(fileOf("[]"), "not a JSON object");
  await assertRefused(fileOf({ a: f32(0, 8), b: f32(4, 12) }, 12), '"b" overlaps');
  await assertRefused(fileOf({ a: f32(0, 8), b: f32(0, 8) }, 8), "overlaps");
  await assertRefused(fileOf({ a: f32(0, 8), b: f32(12, 16) }, 16), '"b" leaves a gap of 4 bytes');
  await assertRefused(fileOf({ a: f32(4, 8) }, 8), "leaves a gap of 4 bytes");
  await assertRefused(fileOf({ a: f32(0, 16) }, 12), "0 to 16", "12 bytes of data");
  await assertRefused(fileOf({ a: { dtype: "F32", shape: [0], data_offsets: [8, 0] } }, 8), "8 to 0");
  await assertRefused(fileOf({ a: f32(0, 8, [3]) }, 8), "has 8 bytes", "12 for shape [3]");
  await assertRefused(fileOf({ a: f32(0, 8, [2 ** 32, 2 ** 32]) }, 8), "has 8 bytes");
  await assertRefused(fileOf({ a: f32(0, 8, [1.5]) }, 8), "shape [1.5]");
  await assertRefused(fileOf({ a: f32(0, 8, [-1, -2]) }, 8), "shape [-1,-2]");
  await assertRefused(fileOf({ a: f32(0, 8, [2 ** 53]) }, 8), "under 2^53");
  await assertRefused(fileOf({ a: { ...f32(0, 8), dtype: "toString" } }, 8), '"toString"', "F32");
  await assertRefused(fileOf({ a: { ...f32(0, 8), data_offsets: [0, 8, 8] } }, 8), "data_offsets");
  await assertRefused(fileOf({ a: { ...f32(0, 8), data_offsets: [-4, 4] } }, 8), "data_offsets");
  await assertRefused(fileOf({ a: { ...f32(0, 8), stride: 1 } }, 8), '"stride"');
  await assertRefused(fileOf({ a: null }), "not described by an object");
  await assertRefused(fileOf({ __metadata__: { a: 1 } }), "__metadata__", "not text");
  await assertRefused(fileOf({ __metadata__: [] }), "__metadata__");
});

Deno.test("a name that stands twice is refused, however it is spelled, which JSON.parse would hide", async () => {
  const entry = (begin: number) => JSON.stringify(f32(begin, begin + 4));
  await assertRefused(fileOf(`{"a":${entry(0)},"a":${entry(0)}}`, 4), '"a" stands twice');
  await assertRefused(fileOf(`{"a":${entry(0)},"\\u0061" :${entry(0)}}`, 4), '"a" stands twice');
  await assertRefused(
    fileOf('{"a":{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]}}', 4),
    '"shape" stands twice',
  );
  await inFolder((folder) => {
    const quoted = { ['"a":1,"a":']: f32(0, 4), a: f32(4, 8), "\\": f32(8, 12) };
    Deno.writeFileSync(`${folder}/x`, fileOf(quoted, 12));
    using file = readSafetensors(`${folder}/x`);
    assert.deepEqual([...file.header.tensors.keys()], Object.keys(quoted));
  });
});

Deno.test("a tensor behind the first 4 GiB is read from the right place", () =>
  inFolder((folder) => {
    const path = `${folder}/big.safetensors`;
    const big = 5 * 2 ** 30;
    const header = fileOf({ a: f32(0, big), b: f32(big, big + 8) });
    using file = Deno.openSync(path, { create: true, write: true });
    file.writeSync(header);
    file.truncateSync(header.length + big + 8); // a sparse file: it takes no room
    file.seekSync(header.length + big - 4, Deno.SeekMode.Start);
    file.writeSync(new Uint8Array(Float32Array.of(7, 8, 9).buffer));
    using opened = readSafetensors(path);
    assert.deepEqual([...opened.read("b")], [8, 9]);
    const last = new Float32Array(2);
    opened.readInto("a", last, big / 4 - 2);
    assert.deepEqual([...last], [0, 7]);
  }));

Deno.test("a failed write leaves the older file and no partial one", () =>
  inFolder(async (folder) => {
    const path = `${folder}/x.safetensors`;
    const good: TensorToWrite = { name: "a", shape: [1], dtype: "F32", data: Float32Array.of(1) };
    await writeSafetensors(path, [good]);
    const before = Deno.readFileSync(path);
    function* failing() {
      yield Float32Array.of(1);
      throw new Error("the device was lost");
    }
    await assert.rejects(writeSafetensors(path, [{ ...good, shape: [2], data: failing() }]), /the device was lost/);
    await assertFails(
      () => writeSafetensors(path, [{ ...good, shape: [2] }]),
      "tensor a has 1 elements",
      "2 for shape [2]",
    );
    await assertFails(() => writeSafetensors(path, [{ ...good, shape: [0] }]), "more than 0");
    await assertFails(() => writeSafetensors(path, [good, good]), "two tensors are named");
    await assertFails(() => writeSafetensors(path, [{ ...good, name: "__metadata__" }]), "two tensors are named");
    await assertFails(() => writeSafetensors(path, [{ ...good, shape: [0.5] }]), "shape [0.5]");
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["x.safetensors"]);
    assert.deepEqual(Deno.readFileSync(path), before);
    await assert.rejects(writeSafetensors(`${folder}/none/x`, [good]), CodekilnError);
  }));

Deno.test("a missing file, or a folder, is the user's mistake", () => {
  assert.throws(() => readSafetensors("/nowhere/x.safetensors"), UserError);
  assert.throws(() => readSafetensors("tests"), UserError);
});

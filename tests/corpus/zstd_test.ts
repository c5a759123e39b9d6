import { constants, createZstdDecompress, zstdCompressSync } from "node:zlib";
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { createByteReader } from "../../src/corpus/bytes.ts";
import { readZstd } from "../../src/corpus/zstd.ts";
import { chooseZstdDecoder } from "../../src/corpus/zstd_decoders.ts";
import { FormatError, UserError } from "../../src/errors.ts";
import { bitFlips, bytes, collectFile, failure, rightOrError, truncations } from "./support.ts";

const DECODERS = ["native", "fzstd"] as const;
const SKIPPABLE = [0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];

function compress(text: string, checksum = true, level = 3): Uint8Array {
  const params = { [constants.ZSTD_c_checksumFlag]: checksum ? 1 : 0, [constants.ZSTD_c_compressionLevel]: level };
  return new Uint8Array(zstdCompressSync(text, { params }));
}

const text = Array.from({ length: 14 }, (_, i) => `def f${i * 7919 % 101}(x): return x * ${i * i} # ${i}\n`).join("");
const single = compress(text);

for (const decoder of DECODERS) {
  Deno.test(`zstd (${decoder}): one frame, several frames and skippable frames give the whole text`, async () => {
    const half = text.length >> 1;
    const several = bytes(SKIPPABLE, compress(text.slice(0, half)), SKIPPABLE, compress(text.slice(half)), SKIPPABLE);
    for (const file of [single, several, compress(text, false)]) {
      const { texts, languages } = await collectFile("a.py.zst", file, { decoder });
      deepStrictEqual(texts, [text]);
      deepStrictEqual(languages, ["python"]);
    }
  });

  Deno.test(`zstd (${decoder}): small blocks come right from a source that fills one buffer again and again`, async () => {
    const blocks = [2, 8, 12].map((size, i) => [...[(size << 3) | (i === 2 ? 1 : 0), 0, 0], ...text.slice(0, size)]);
    const codes = blocks.flat().map((part) => typeof part === "string" ? part.charCodeAt(0) : part);
    const file = bytes([0x28, 0xb5, 0x2f, 0xfd, 0, 0], codes);
    for (const size of [1, 5, 6, 11, 12, 16, 100]) {
      const buffer = new Uint8Array(size);
      const source = async function* () {
        for (let at = 0; at < file.length; at += size) {
          const chunk = file.subarray(at, at + size);
          buffer.fill(0xff).set(chunk);
          yield await Promise.resolve(buffer.subarray(0, chunk.length));
        }
      };
      let read = "";
      for await (const chunk of createByteReader(readZstd(createByteReader(source()), { label: "x", decoder }))) {
        read += String.fromCharCode(...chunk);
      }
      strictEqual(read, text.slice(0, 2) + text.slice(0, 8) + text.slice(0, 12), `chunks of ${size}`);
    }
  });

  Deno.test(`zstd (${decoder}): a cut at any byte is an error, except between frames of a sequence`, async () => {
    const { errors, right } = await rightOrError("a.txt.zst", truncations(single), [text], { decoder });
    deepStrictEqual({ errors, right }, { errors: single.length, right: 0 });
    // Without a checksum and with a skippable frame in front.
    const plain = bytes(SKIPPABLE, compress(text, false));
    const cuts = [...truncations(plain)].filter((cut) => cut.length !== SKIPPABLE.length);
    strictEqual((await rightOrError("a.txt.zst", cuts, [text], { decoder })).right, 0);
  });

  Deno.test(`zstd (${decoder}): no flipped bit gives wrong text`, async () => {
    const { errors } = await rightOrError("a.txt.zst", bitFlips(single), [text], { decoder });
    ok(errors > single.length * 7, `only ${errors} errors`);
  });

  Deno.test(`zstd (${decoder}): a bad checksum, trailing bytes and a dictionary are named with their place`, async () => {
    const badChecksum = single.slice();
    badChecksum[badChecksum.length - 1] ^= 1;
    const withDictionary = bytes(
      single.subarray(0, 4),
      [single[4] | 1],
      single.subarray(5, 6),
      [7],
      single.subarray(6),
    );
    const cases: [Uint8Array, RegExp][] = [
      [badChecksum, new RegExp(`a\\.txt\\.zst, byte ${single.length - 4}: zstd checksum mismatch`)],
      [bytes(single, "garbage"), new RegExp(`byte ${single.length}: data after the last zstd frame`)],
      [bytes(single, [1, 2]), new RegExp(`byte ${single.length}: truncated or trailing`)],
      [withDictionary, /needs a dictionary/],
      [bytes("plain text"), /byte 0: not zstd data/],
      [new Uint8Array(0), /byte 0: the file is empty/],
    ];
    for (const [file, message] of cases) {
      const error = await failure(collectFile("a.txt.zst", file, { decoder }));
      ok(error instanceof FormatError);
      match(error.message, message);
    }
  });

  Deno.test(`zstd (${decoder}): a window that is too large is refused with a hint`, async () => {
    // fzstd is silently wrong from 64 MiB on: found with a file of `zstd --long=27`.
    const [largest, log] = decoder === "native" ? ["at most 128 MiB", 27] : ["under 64 MiB", 25];
    const frame = (windowLog: number) => bytes([0x28, 0xb5, 0x2f, 0xfd, 0, (windowLog - 10) << 3, 1, 0, 0]);
    for (const refused of [log + 1, 31]) {
      const error = await failure(collectFile("a.txt.zst", frame(refused), { decoder }));
      match(error.message, new RegExp(`window of ${2 ** (refused - 20)} MiB.*${largest}`));
      match(error.message, new RegExp(`HINT: .*--long=${log}`));
    }
    strictEqual((await collectFile("a.txt.zst", frame(log), { decoder })).report.skippedEmpty, 1);
  });

  Deno.test(`zstd (${decoder}): raw, RLE and reserved blocks, and a content size that lies`, async () => {
    const magic = [0x28, 0xb5, 0x2f, 0xfd];
    const blocks = [0x10, 0, 0, 0x61, 0x62, 0x1b, 0, 0, 0x63];
    const read = (...file: number[]) => collectFile("a.txt.zst", bytes(file), { decoder });
    deepStrictEqual((await read(...magic, 0x20, 5, ...blocks)).texts, ["abccc"]);
    match((await failure(read(...magic, 0x20, 6, ...blocks))).message, /holds 5 bytes.*6 as declared/);
    match((await failure(read(...magic, 0x20, 4, ...blocks))).message, /more than 4 bytes/);
    match((await failure(read(...magic, 0, 0, 0x17, 0, 0, 1, 2))).message, /byte 6: reserved zstd block type/);
    match((await failure(read(...magic, 8, 0, ...blocks))).message, /reserved bit/);
    match((await failure(read(...magic, 0, 0, 3, 0xff, 0xff, 0))).message, /zstd block of \d+ bytes.*at most 1024/);
  });

  Deno.test(`zstd (${decoder}): texts of every level and size come back`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ maxLength: 300 }), fc.integer({ min: 1, max: 2000 }), async (unit, times) => {
        const original = `x${unit}`.replace(/^x\ufeff/, "x").repeat(times).toWellFormed().replaceAll("\0", " ");
        const chunks: Uint8Array[] = [];
        const source = (async function* () {
          const packed = compress(original, times % 2 === 0, 1 + times % 19);
          for (let at = 0; at < packed.length; at += 97) yield packed.subarray(at, at + 97);
        })();
        for await (const chunk of createByteReader(readZstd(createByteReader(source), { label: "x", decoder }))) {
          chunks.push(chunk.slice());
        }
        strictEqual(new TextDecoder().decode(bytes(...chunks)), original);
      }),
      { numRuns: 40, seed: 7 },
    );
  });

  Deno.test(`zstd (${decoder}): what is filled at a time may be of any size; damage comes behind what was right`, async () => {
    const original = text.repeat(300); // several blocks
    const half = compress(original, true, 1);
    const whole = bytes(half, compress(text));
    const damaged = bytes(half, compress(text).with(-1, 0x55));
    for (const size of [1009, 131_071, 131_072, 131_073, 2_000_000]) {
      for (const file of [whole, damaged]) {
        const input = createByteReader(ReadableStream.from([file]));
        const reader = createByteReader(readZstd(input, { label: "x", decoder }));
        const target = new Uint8Array(size);
        let read = "";
        let error: unknown = null;
        try {
          for (let count = -1; count !== 0;) {
            count = await reader.fill(target);
            read += new TextDecoder().decode(target.subarray(0, count));
          }
        } catch (caught) {
          error = caught;
        } finally {
          await reader.close();
        }
        strictEqual(read, original + text, `${size} at a time`);
        strictEqual(error instanceof FormatError, file === damaged);
      }
    }
  });

  Deno.test(`zstd (${decoder}): nothing comes behind damage`, async () => {
    const damaged = compress(text);
    damaged[damaged.length - 1] ^= 1;
    const file = createByteReader(ReadableStream.from([bytes(damaged, single)]));
    const reader = createByteReader(readZstd(file, { label: "x", decoder }));
    const target = new Uint8Array(text.length);
    strictEqual(await reader.fill(target), text.length);
    const { message } = await failure(reader.fill(target));
    match(message, /checksum mismatch/);
    strictEqual((await failure(reader.fill(target))).message, message);
    await reader.close();
  });

  Deno.test(`zstd (${decoder}): a large frame streams in pieces`, async () => {
    const total = decoder === "native" ? 2048 : 256; // blocks of 128 KiB
    const source = (async function* () {
      yield bytes([0x28, 0xb5, 0x2f, 0xfd, 0, 7 << 3]);
      for (let i = 0; i < total; i++) {
        await Promise.resolve();
        yield bytes([(i === total - 1 ? 1 : 0) | 2, 0, 0x10, 0x61]);
      }
    })();
    let size = 0;
    let largest = 0;
    let unchecked = 0;
    const before = Deno.memoryUsage().rss;
    const options = { label: "x", decoder, onUncheckedFrame: () => unchecked++ };
    for await (const chunk of createByteReader(readZstd(createByteReader(source), options))) {
      size += chunk.length;
      largest = Math.max(largest, chunk.length);
    }
    strictEqual(size, total * 131072);
    ok(largest <= 131072);
    strictEqual(unchecked, 1);
    ok(Deno.memoryUsage().rss - before < 150e6, `${Deno.memoryUsage().rss - before} bytes more`);
  });
}

/** A native decoder that takes no second frame: the probe pushes a header with blocks, then a checksum. */
function oneFrameOnly() {
  const stream = createZstdDecompress() as unknown as {
    _handle: { writeSync(...args: unknown[]): void };
    _writeState: Uint32Array;
    close(): void;
    on(event: string, listener: () => void): void;
  };
  let writes = 0;
  return {
    _handle: {
      writeSync(...args: unknown[]) {
        if (++writes > 2) throw new Error("the frame has ended");
        stream._handle.writeSync(...args);
      },
    },
    _writeState: stream._writeState,
    close: () => stream.close(),
    on: (event: string, listener: () => void) => stream.on(event, listener),
  };
}

Deno.test("zstd: one decoder reads frames of any window one after the other, with and without a checksum", async () => {
  const parts = Array.from({ length: 300 }, (_, i) => `${i}:${text.slice(0, i * 7)}`);
  const frames = parts.map((part, i) => compress(part, i % 3 > 0));
  const whole = bytes(...frames.flatMap((frame, i) => i % 50 === 0 ? [SKIPPABLE, frame] : [frame]));
  strictEqual((await collectFile("a.txt.zst", whole)).texts.join(""), parts.join(""));
  // Damage in a later frame is told with its place.
  const at = frames.slice(0, 200).reduce((sum, { length }) => sum + length, 0) + 5 * SKIPPABLE.length;
  const damaged = whole.slice();
  damaged[at + frames[200].length - 1] ^= 1; // of its checksum
  const error = await failure(collectFile("a.txt.zst", damaged));
  match(error.message, new RegExp(`a\\.txt\\.zst, byte ${at + frames[200].length - 4}: zstd checksum mismatch`));
});

Deno.test("zstd: auto is native where the runtime has it, else fzstd; native is then refused", () => {
  strictEqual(chooseZstdDecoder("auto").name, "native");
  strictEqual(chooseZstdDecoder("auto", {}).name, "fzstd");
  strictEqual(chooseZstdDecoder("auto", { createZstdDecompress: () => ({ close() {} }) }).name, "fzstd");
  strictEqual(chooseZstdDecoder("auto", { createZstdDecompress: oneFrameOnly }).name, "fzstd");
  strictEqual(chooseZstdDecoder("fzstd").name, "fzstd");
  let error: unknown;
  try {
    chooseZstdDecoder("native", {});
  } catch (caught) {
    error = caught;
  }
  ok(error instanceof UserError);
});

Deno.test("zstd: frames without a checksum are counted in the report", async () => {
  strictEqual((await collectFile("a.txt.zst", compress(text, false))).report.uncheckedZstdFrames, 1);
  strictEqual((await collectFile("a.txt.zst", single)).report.uncheckedZstdFrames, 0);
});

/** The encoder's two engines give the same ids, whatever the text and however it is handed over. */

import type { EncoderTables } from "../../src/tokenizer/engine.ts";
import { createEncoder, type Encoder, encoderSeed, growEncoder } from "../../src/tokenizer/encoder.ts";
import { gpt2Vocabulary } from "../../src/tokenizer/gpt2.ts";
import { PATTERN_NAMES, type PatternName } from "../../src/tokenizer/patterns.ts";
import { byteIds, type Vocabulary } from "../../src/tokenizer/vocabulary.ts";
import { assert } from "../assert.ts";
import { createRandom, hostileStrings, longPieces } from "./hostile.ts";
import { projectTexts, sameBytes, trainedVocabulary } from "./oracle.ts";

const utf8 = new TextEncoder();
const code = await projectTexts();

/** The merges in an order that no training would give: parts may be merged after what they are part of. */
function shuffled(vocabulary: Vocabulary): Vocabulary {
  const random = createRandom(5);
  const triples = Array.from({ length: 4000 }, (_, rank) => vocabulary.merges.slice(rank * 3, rank * 3 + 3));
  for (let i = triples.length - 1; i > 0; i--) {
    const j = random(i + 1);
    [triples[i], triples[j]] = [triples[j], triples[i]];
  }
  return { ...vocabulary, merges: Int32Array.from(triples.flatMap((triple) => [...triple])) };
}

interface Pair {
  readonly name: string;
  readonly tables: EncoderTables;
  readonly wasm: Encoder;
  readonly script: Encoder;
}

function pairOf(name: string, vocabulary: Vocabulary, pattern: PatternName): Pair {
  const tables = { byteToId: byteIds(vocabulary, name), merges: vocabulary.merges, pattern };
  const wasm = createEncoder(tables);
  const script = createEncoder(tables, "TypeScript");
  assert.deepEqual([wasm.engine, script.engine], ["WebAssembly", "TypeScript"]);
  return { name: `${name}, ${pattern}`, tables, wasm, script };
}

const vocabularies: [string, Vocabulary][] = [
  ["gpt2", gpt2Vocabulary()],
  ["trained", await trainedVocabulary(code)],
  ["shuffled", shuffled(gpt2Vocabulary())],
];
const pairs = vocabularies.flatMap(([name, vocabulary]) =>
  PATTERN_NAMES.map((pattern) => pairOf(name, vocabulary, pattern))
);
const gpt2 = pairs[0];

function assertSame(pair: Pair, text: Uint8Array, what: () => string): void {
  const wasm = pair.wasm.encode(text);
  const script = pair.script.encode(text);
  if (wasm.length === script.length && wasm.every((id, i) => id === script[i])) return;
  const at = wasm.findIndex((id, i) => id !== script[i]);
  assert.fail(`${pair.name}: ${what()}: from id ${at} ${wasm.slice(at, at + 6)}, not ${script.slice(at, at + 6)}`);
}

for (const pair of pairs) {
  Deno.test(`both engines agree on code and on hostile strings (${pair.name})`, () => {
    for (const text of [...code, code.join("")]) assertSame(pair, utf8.encode(text), () => text.slice(0, 80));
    const strings = hostileStrings(40_000, 11);
    for (const text of strings) assertSame(pair, utf8.encode(text), () => JSON.stringify(text));
    assertSame(pair, utf8.encode(strings.join("")), () => "all of them together");
  });

  Deno.test(`both engines agree on any bytes and on every length of text (${pair.name})`, () => {
    const random = createRandom(3);
    const alphabet = [
      0x20,
      0x20,
      0x0a,
      0x27,
      0x73,
      0x6c,
      0x61,
      0x5a,
      0x31,
      0x2e,
      0xc3,
      0xa9,
      0xe2,
      0x80,
      0x83,
      0xf0,
      0xff,
      0,
    ];
    for (let length = 0; length < 200; length++) {
      for (let i = 0; i < 12; i++) {
        const odd = i % 3 === 0 ? 256 : i % 3 === 1 ? alphabet.length : 10;
        const bytes = Uint8Array.from({ length }, () => odd === 256 ? random(256) : alphabet[random(odd)]);
        assertSame(pair, bytes, () => `${bytes}`);
      }
    }
  });

  Deno.test(`both engines agree on pieces around every internal limit (${pair.name})`, () => {
    for (const length of [7, 8, 9, 14, 15, 16, 17, 62, 63, 64, 65, 128, 129, 255, 256, 257, 4095, 4096, 4097, 20_000]) {
      for (const [kind, text] of longPieces(length)) {
        // Twice, so that the second comes from the cache.
        const bytes = utf8.encode(`x\n${text}\n${text} y`);
        assertSame(pair, bytes, () => `${kind}, ${length}`);
      }
    }
  });
}

// What a character is does not depend on the vocabulary.
for (const pair of pairs.slice(0, 3)) {
  Deno.test(`both engines agree on every code point alone and between letters, digits and signs (${pair.name})`, () => {
    let block = "";
    for (let codePoint = 0; codePoint < 0x110000; codePoint++) {
      if (codePoint >= 0xd800 && codePoint < 0xe000) continue;
      const character = String.fromCodePoint(codePoint);
      if (codePoint < 0x3100) assertSame(pair, utf8.encode(character), () => `U+${codePoint.toString(16)}`);
      block += `x${character}1 ${character}!${character}\n${character}'s`;
      if (block.length < 1 << 16 && codePoint < 0x10ffff) continue;
      assertSame(pair, utf8.encode(block), () => `before U+${codePoint.toString(16)}`);
      block = "";
    }
  });
}

Deno.test("pieces longer than a window, and windows that end anywhere in a piece, change nothing", () => {
  const tail = "x = 'é'll 漢字\n\n   12  ";
  for (const length of [131_000, ...Array.from({ length: 12 }, (_, i) => 131_073 - 2 * i), 400_000]) {
    const bytes = utf8.encode(" ".repeat(length) + tail.repeat(3));
    for (const pair of pairs.slice(0, 3)) assertSame(pair, bytes, () => `${length} spaces`);
    const words = utf8.encode("ab cd".repeat(length / 5).slice(0, length) + tail.repeat(2));
    for (const pair of pairs.slice(0, 3)) assertSame(pair, words, () => `${length} bytes of words`);
  }
});

Deno.test("the cache forgets and finds the right ids again", () => {
  const random = createRandom(9);
  // Many different pieces, some of them longer than a key, with more ids than an entry holds; every tenth is a frequent one.
  const piece = () =>
    Array.from({ length: 1 + random(random(4) === 0 ? 60 : 12) }, () => String.fromCharCode(97 + random(26)));
  const frequent = Array.from({ length: 500 }, () => piece().join(""));
  for (let round = 0; round < 4; round++) {
    const text = Array.from({ length: 60_000 }, (_, i) => i % 10 === 0 ? frequent[random(500)] : piece().join("")).join(
      " ",
    );
    assertSame(gpt2, utf8.encode(text), () => `round ${round}`);
  }
});

/** Bytes of an engine's memory; 0 in plain TypeScript. */
function memoryOf(encoder: Encoder): number {
  return encoder.textRoom(10)?.memory.buffer.byteLength ?? 0;
}

for (const engine of ["wasm", "script"] as const) {
  const encoder = gpt2[engine];

  Deno.test(`encodeInto() writes where it is told, also 16-bit ids, and refuses what has no room (${engine})`, () => {
    const text = utf8.encode("def f(x):\n    return x\n");
    const expected = encoder.encode(text);
    const wide = new Uint32Array(100).fill(7);
    assert.equal(encoder.encodeInto(text, wide, 10), expected.length);
    assert.deepEqual(wide.slice(10, 10 + expected.length), expected);
    assert.ok(wide[9] === 7 && wide[10 + expected.length] === 7);
    const narrow = new Uint16Array(100);
    assert.equal(encoder.encodeInto(text, narrow), expected.length);
    assert.deepEqual(Uint32Array.from(narrow.subarray(0, expected.length)), expected);
    assert.throws(() => encoder.encodeInto(text, new Uint32Array(text.length + 5), 6), RangeError);
  });

  Deno.test(`ids of 16 bits are the same, from a seed too, also of texts and pieces longer than a window (${engine})`, () => {
    const seed = encoderSeed(gpt2.tables);
    const grown = growEncoder(engine === "wasm" ? seed : { ...seed, module: null });
    assert.equal(grown.engine, encoder.engine);
    for (const text of [code.join("\n"), "a".repeat(500_001), `${"é".repeat(70_000)} `, "", "x"]) {
      const bytes = utf8.encode(text);
      const ids = new Uint16Array(bytes.length + 1);
      assert.deepEqual(Uint32Array.from(ids.subarray(0, grown.encodeInto(bytes, ids))), encoder.encode(bytes));
    }
  });

  Deno.test(`a giant piece takes memory for as long as it is encoded (${engine})`, () => {
    const text = new Uint8Array(3_000_000).fill(0x61);
    const before = memoryOf(encoder);
    const ids = encoder.encode(text);
    assert.ok(ids.length <= text.length / 4);
    assert.ok(memoryOf(encoder) <= before + (1 << 20));
    // And everything works as before.
    assert.deepEqual(encoder.encode(utf8.encode("Hello world")), Uint32Array.of(15496, 995));
  });
}

Deno.test("ids in any order go up to what WebAssembly holds; larger ones are encoded in TypeScript", () => {
  const { byteToId, merges, pattern } = gpt2.tables;
  const text = utf8.encode("Hello world, größer 東京");
  const expected = gpt2.wasm.encode(text);
  for (
    const [most, engine] of [[2_097_150, "WebAssembly"], [2_097_151, "TypeScript"], [
      2 ** 31 - 1,
      "TypeScript",
    ]] as const
  ) {
    // From the largest id down, so that merges do not make one id after the other.
    const other = (id: number) => most - id;
    const encoder = createEncoder({ byteToId: byteToId.map(other), merges: merges.map(other), pattern });
    assert.equal(encoder.engine, engine);
    assert.deepEqual(encoder.encode(text).map(other), expected);
  }
});

Deno.test("an encoder with very many merges keeps its memory, and what is cached, from one room to the next", () => {
  const count = 1_500_000;
  const merges = new Int32Array(count * 3);
  for (let i = 0; i < count; i++) merges.set([i >> 8, i & 255, 256 + i], i * 3);
  const encoder = createEncoder({ byteToId: Int32Array.from({ length: 256 }, (_, i) => i), merges, pattern: "gpt2" });
  assert.equal(encoder.engine, "WebAssembly");
  const room = encoder.textRoom(1 << 20);
  assert.ok(room !== null);
  assert.equal(encoder.textRoom(1 << 20)?.memory, room.memory);
});

Deno.test("an encoder in WebAssembly is small", () => {
  assert.ok(memoryOf(gpt2.wasm) < 7 << 20);
  assert.equal(gpt2.script.textRoom(1), null);
});

Deno.test("text in the room is encoded where it stands, of any size, whatever else is encoded in between", () => {
  const source = code.join("\n");
  const ids = new Uint32Array(3_000_001);
  for (const size of [0, 1, 1000, 131_072, 700_000, 3_000_000]) {
    const text = utf8.encode(source.repeat(Math.ceil((size + 1) / source.length)).slice(0, size)).subarray(0, size);
    const room = gpt2.wasm.textRoom(size + 20)!;
    const place = () => new Uint8Array(room.memory.buffer, room.start + 13, text.length);
    place().set(text);
    // The memory stays, grows, and is given back.
    for (const other of [1, 300_000, 3_000_000]) {
      const count = gpt2.wasm.encodeInto(place(), ids);
      assert.deepEqual(ids.slice(0, count), gpt2.script.encode(text), `${size} bytes`);
      gpt2.wasm.encode(new Uint8Array(other).fill(0x61));
      assert.ok(sameBytes(place(), text));
    }
  }
});

Deno.test("a giant piece in the room is encoded there, and its memory given back with the next room", () => {
  const text = new Uint8Array(3_000_000).fill(0x61);
  const before = memoryOf(gpt2.wasm);
  const room = gpt2.wasm.textRoom(text.length)!;
  new Uint8Array(room.memory.buffer, room.start, text.length).set(text);
  const ids = new Uint32Array(text.length);
  const count = gpt2.wasm.encodeInto(new Uint8Array(room.memory.buffer, room.start, text.length), ids);
  assert.deepEqual(ids.slice(0, count), gpt2.wasm.encode(text));
  assert.equal(new Uint8Array(room.memory.buffer, room.start, 1)[0], 0x61, "the room is good until the next one");
  assert.ok(memoryOf(gpt2.wasm) <= before);
});

Deno.test("there is no room where the memory would be too large", () => {
  // Also where there is enough for the room and not for what comes behind it.
  const { start } = gpt2.wasm.textRoom(10)!;
  for (const bytes of [2 ** 32 - 1000, 2 ** 32 - 2 * 65536 - start - 1000]) {
    assert.equal(gpt2.wasm.textRoom(bytes), null);
    assert.deepEqual(gpt2.wasm.encode(utf8.encode("Hello world")), Uint32Array.of(15496, 995));
  }
});

Deno.test("both engines decode to the text on code and hostile strings", () => {
  const { tokens } = gpt2Vocabulary();
  for (const text of [...code.slice(0, 20), ...hostileStrings(500, 13)]) {
    const bytes = utf8.encode(text);
    const parts = Array.from(gpt2.wasm.encode(bytes), (id) => tokens[id] ?? new Uint8Array(0));
    const joined = Uint8Array.from(parts.flatMap((part) => [...part]));
    assert.ok(sameBytes(joined, bytes), JSON.stringify(text.slice(0, 100)));
  }
});

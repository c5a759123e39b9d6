/** Counting pieces in threads and in bounded memory: the same for any number of threads, and by the stated rule. */

import { countPieces, type PieceCounts } from "../../src/tokenizer/count_pieces.ts";
import { DEFAULT_PATTERN, type PatternName } from "../../src/tokenizer/patterns.ts";
import type { Forgotten } from "../../src/tokenizer/piece_table.ts";
import { createSplitter } from "../../src/tokenizer/split.ts";
import { trainBpe } from "../../src/tokenizer/train.ts";
import { assert, assertFails } from "../assert.ts";
import { projectTexts } from "./oracle.ts";

const MIB = 2 ** 20;
const utf8 = new TextEncoder();
const latin1 = new TextDecoder("latin1");

async function* documents(texts: readonly Uint8Array[]): AsyncIterable<{ text: Uint8Array }> {
  for (const text of texts) yield { text };
}

/** Documents of random words, some frequent and most rare, with frequent ones among the first and the last. */
function randomTexts(count: number, words: number): Uint8Array[] {
  let state = 7;
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
  const letters = (number: number) => number.toString(26).replace(/\d/g, (digit) => "qrstuvwxyz"[Number(digit)]);
  const word = () => letters(random(3) === 0 ? random(1000) : random(4) > 0 ? random(30_000) : random(2 ** 30));
  return Array.from(
    { length: count },
    () => utf8.encode(Array.from({ length: words }, () => " " + word()).join("") + " a much longer_word_than_eight\n"),
  );
}

async function count(texts: readonly Uint8Array[], workers: number, maxMemory: number, pattern = DEFAULT_PATTERN) {
  return await countPieces(documents(texts), { pattern, workers, maxMemory });
}

/** Pieces and counts, whatever their order in the table. */
function contents({ table }: PieceCounts): Map<string, number> {
  const { bytes, starts, counts } = table.pieces();
  const entries = Array.from(counts, (count, i): [string, number] => {
    return [latin1.decode(bytes.subarray(starts[i], starts[i + 1])), count];
  });
  const map = new Map(entries);
  assert.equal(map.size, entries.length, "a piece is there twice");
  return map;
}

/** The counts by the rule as stated, in a plain Map. */
function expectedCounts(texts: readonly Uint8Array[], pattern: PatternName, maxMemory: number) {
  const pieceEnd = createSplitter(pattern);
  const counts = new Map<string, number>();
  const forgotten = { pieces: 0, occurrences: 0, highestCount: 0 };
  const cost = () => [...counts.keys()].reduce((sum, piece) => sum + 32 + piece.length, 0);
  const bound = () => {
    const most = maxMemory * 0.35;
    if (cost() <= most) return;
    for (let threshold = 1; cost() > most / 2; threshold++) {
      for (const [piece, count] of [...counts]) {
        if (count > threshold) continue;
        counts.delete(piece);
        forgotten.pieces++;
        forgotten.occurrences += count;
        forgotten.highestCount = Math.max(forgotten.highestCount, count);
      }
    }
  };
  let inSegment = 0;
  for (const text of texts) {
    for (let start = 0, stop = 0; start < text.length; start = stop) {
      stop = pieceEnd(text, start, text.length);
      const piece = latin1.decode(text.subarray(start, stop));
      counts.set(piece, (counts.get(piece) ?? 0) + 1);
    }
    inSegment += text.length;
    if (inSegment >= maxMemory / 48) {
      bound();
      inSegment = 0;
    }
  }
  bound();
  return { counts, forgotten };
}

function assertSameCounts(counted: PieceCounts, expected: Map<string, number>, forgotten: Forgotten): void {
  const actual = contents(counted);
  for (const [piece, count] of expected) assert.equal(actual.get(piece), count, JSON.stringify(piece));
  assert.equal(actual.size, expected.size);
  assert.deepEqual(counted.table.forgotten, forgotten);
}

Deno.test("counts are exact for every pattern, in one thread and in several", async () => {
  const texts = [...(await projectTexts()).map((text) => utf8.encode(text)), new Uint8Array(2 * MIB).fill(0x61)];
  for (const pattern of ["gpt2", "digits", "code"] as const) {
    const { counts, forgotten } = expectedCounts(texts, pattern, 1024 * MIB);
    for (const workers of [1, 2, 3]) {
      assertSameCounts(await count(texts, workers, 1024 * MIB, pattern), counts, forgotten);
    }
  }
});

Deno.test("pieces are forgotten by the stated rule, the same for any number of threads, within the memory", async () => {
  const texts = randomTexts(80, 4000);
  const maxMemory = 4 * MIB;
  const { counts, forgotten } = expectedCounts(texts, "gpt2", maxMemory);
  assert.ok(
    forgotten.pieces > 50_000 && forgotten.highestCount === 2 && counts.size > 1500,
    `forgets ${JSON.stringify(forgotten)}, keeps ${counts.size}`,
  );
  for (const workers of [1, 2, 3]) {
    const counted = await count(texts, workers, maxMemory);
    assertSameCounts(counted, counts, forgotten);
    assert.ok(counted.peakMemory <= maxMemory, `${counted.peakMemory} bytes of tables`);
  }
});

Deno.test("text whose pieces are all short and all different stays within the memory", async () => {
  let next = 0;
  const text = () => {
    const characters = Array.from({ length: 4096 }, () => {
      const piece = next++;
      return String.fromCharCode(0x21, 0x61 + piece % 26, 0x61 + (piece / 26 | 0) % 26) +
        String.fromCharCode(0x61 + (piece / 676 | 0) % 26, 0x61 + (piece / 17576 | 0) % 26);
    });
    return utf8.encode(characters.join(""));
  };
  const texts = Array.from({ length: 100 }, text);
  for (const workers of [1, 4]) {
    const { peakMemory, table } = await count(texts, workers, 8 * MIB, "gpt2");
    assert.ok(table.forgotten.pieces > 100_000);
    assert.ok(peakMemory <= 8 * MIB, `${peakMemory} bytes of tables`);
  }
});

Deno.test("merges do not depend on the number of threads, with and without a bound that acts", async () => {
  const texts = [...(await projectTexts()).map((text) => utf8.encode(text)), ...randomTexts(30, 2000)];
  for (const maxMemory of [4 * MIB, 1024 * MIB]) {
    const [one, two, three] = await Promise.all(
      [1, 2, 3].map((workers) => trainBpe(documents(texts), { vocabSize: 1500, workers, maxMemory })),
    );
    assert.equal(two.tokenizer.fingerprint, one.tokenizer.fingerprint);
    assert.equal(three.tokenizer.fingerprint, one.tokenizer.fingerprint);
    assert.deepEqual([two.forgotten, three.forgotten], [one.forgotten, one.forgotten]);
    assert.equal(one.forgotten.pieces > 0, maxMemory === 4 * MIB);
  }
});

/** Runs `action` and gives the numbers of workers that were started and stopped meanwhile. */
async function countWorkers(action: () => Promise<void>): Promise<{ started: number; stopped: number }> {
  const counts = { started: 0, stopped: 0 };
  const Original = globalThis.Worker;
  globalThis.Worker = class extends Original {
    constructor(specifier: string | URL, options?: WorkerOptions) {
      super(specifier, options);
      counts.started++;
    }
    override terminate(): void {
      counts.stopped++;
      super.terminate();
    }
  };
  try {
    await action();
  } finally {
    globalThis.Worker = Original;
  }
  return counts;
}

Deno.test("threads start for a text that is worth it, and end with the counting, with a stop, and with a failure", async () => {
  const large = Array.from({ length: 40 }, () => new Uint8Array(MIB / 10).fill(0x62));
  const { started, stopped } = await countWorkers(async () => void await count(large, 2, 1024 * MIB));
  assert.deepEqual([started, stopped], [2, 2]);
  const small = await countWorkers(async () => void await count(large.slice(0, 5), 2, 1024 * MIB));
  assert.equal(small.started, 0);

  async function* endless(then: () => void): AsyncIterable<{ text: Uint8Array }> {
    for (let i = 0;; i++) {
      if (i === 100) then();
      yield { text: large[0] };
    }
  }
  const stop = new AbortController();
  const aborted = await countWorkers(async () => {
    const counting = countPieces(endless(() => stop.abort(new Error("stopped by the test"))), {
      pattern: "gpt2",
      workers: 2,
      maxMemory: 64 * MIB,
      signal: stop.signal,
    });
    await assert.rejects(counting, /stopped by the test/);
  });
  assert.deepEqual([aborted.started, aborted.stopped], [2, 2]);

  const failed = await countWorkers(async () => {
    const counting = countPieces(
      endless(() => {
        throw new Error("a damaged archive");
      }),
      { pattern: "gpt2", workers: 2, maxMemory: 64 * MIB },
    );
    await assert.rejects(counting, /a damaged archive/);
  });
  assert.deepEqual([failed.started, failed.stopped], [2, 2]);
});

Deno.test("a thread that fails ends the counting with an error that says so", async () => {
  const Original = globalThis.Worker;
  globalThis.Worker = class extends Original {
    override postMessage(): void {
      queueMicrotask(() => this.onerror?.(new ErrorEvent("error", { message: "out of memory", cancelable: true })));
    }
  };
  try {
    const texts = Array.from({ length: 40 }, () => new Uint8Array(MIB / 10).fill(0x62));
    await assertFails(() => count(texts, 2, 1024 * MIB), "a thread that counts pieces failed", "out of memory");
  } finally {
    globalThis.Worker = Original;
  }
});

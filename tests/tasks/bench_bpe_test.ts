/** The two benches of vocabulary training, on the project's own source: what they print is what they measured. */

import assert from "node:assert/strict";
import { runDeno } from "../../tasks/deno_command.ts";

Deno.test("bench:bpe-train finds the reference's merges, whole and in order, for any number of workers", async () => {
  const args = ["--input", "src", "--bytes", "200000", "--workers", "1,2", "--json"];
  const { bytes, sides } = JSON.parse(await runDeno(["run", "-A", "--quiet", "tasks/bench_bpe_train.ts", ...args]));
  assert.ok(bytes > 190_000 && bytes <= 200_000);
  assert.deepEqual(sides.map(({ name }: { name: string }) => name), [
    "npm:tokenizers, 1 thread",
    "codekiln, 1 counting",
    "codekiln, 2 counting",
  ]);
  for (const { differsAt, merges, seconds } of sides) {
    assert.equal(differsAt, null);
    assert.equal(merges, sides[0].merges);
    assert.ok(merges > 1000 && seconds > 0);
  }
});

Deno.test("bench:bpe-memory feeds as much text as asked for, with new pieces in every repetition", async () => {
  const args = ["--input", "src/tokenizer", "--gigabytes", "0.002", "--vocab_size", "1000", "--json"];
  const result = JSON.parse(await runDeno(["run", "-A", "--quiet", "tasks/bench_bpe_memory.ts", ...args]));
  assert.ok(result.bytes >= 2e6 && result.bytes < 2.1e6);
  const once = JSON.parse(
    await runDeno(["run", "-A", "--quiet", "tasks/bench_bpe_memory.ts", ...args, "--gigabytes", "0.0001"]),
  );
  assert.ok(result.distinctPieces > 3 * once.distinctPieces);
  assert.ok(result.countingMemory <= 2 ** 29 && result.forgotten.pieces === 0);
});

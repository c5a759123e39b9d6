import assert from "node:assert/strict";
import fc from "fast-check";
import { editDistance, nearestName } from "../../src/cli/nearest.ts";

Deno.test("edit distance counts insertions, deletions, substitutions and swaps", () => {
  assert.equal(editDistance("kitten", "sitting"), 3);
  assert.equal(editDistance("trian", "train"), 1);
  assert.equal(editDistance("", "abc"), 3);
  assert.equal(editDistance("same", "same"), 0);
});

Deno.test("edit distance is symmetric, zero only between equals, and at most the longer length", () => {
  const text = fc.string({ maxLength: 8 });
  fc.assert(fc.property(text, text, (a, b) => {
    const distance = editDistance(a, b);
    assert.equal(distance, editDistance(b, a));
    assert.equal(distance === 0, a === b);
    assert.ok(distance >= Math.abs(a.length - b.length) && distance <= Math.max(a.length, b.length));
  }));
});

Deno.test("the nearest name prefers one that was only cut short", () => {
  assert.equal(nearestName("max_seq", ["top_k", "max_seq_len", "max_lr"]), "max_seq_len");
  assert.equal(nearestName("trian", ["generate", "train"]), "train");
  assert.equal(nearestName("x", []), null);
});

/** The split rule's golden values and properties. */
import fc from "fast-check";
import { parseSplit, splitBoundaries } from "../../src/dataset/split.ts";
import { assert, assertFails } from "../assert.ts";

fc.configureGlobal({ seed: 20261123 });

Deno.test("splitBoundaries() gives the golden values", () => {
  assert.deepEqual(splitBoundaries([900, 50, 50], 30), [0, 26, 28, 30]);
  assert.deepEqual(splitBoundaries([900, 50, 50], 33), [0, 29, 31, 33]);
  assert.deepEqual(splitBoundaries([949, 50, 1], 1000), [0, 949, 999, 1000]);
  assert.deepEqual(splitBoundaries([8, 1, 1], 25), [0, 21, 23, 25]);
  assert.deepEqual(splitBoundaries([1, 0, 0], 1), [0, 1, 1, 1]);
});

Deno.test("the parts ascend from 0 to the number of documents, and a part of weight 0 has none", () => {
  const weights = fc.array(fc.nat(1000), { minLength: 3, maxLength: 3 }).filter((w) => w.some((x) => x > 0));
  fc.assert(fc.property(weights, fc.nat(100_000), (weights, documents) => {
    const boundaries = splitBoundaries(weights, documents);
    assert.equal(boundaries[0], 0);
    assert.equal(boundaries[3], documents);
    for (const [i, weight] of weights.entries()) {
      const size = boundaries[i + 1] - boundaries[i];
      assert.ok(size >= 0);
      if (weight === 0) assert.equal(size, 0, `part ${i} of ${weights} over ${documents}`);
      else assert.ok(Math.abs(size - weight / weights.reduce((a, b) => a + b) * documents) <= 2);
    }
  }));
});

Deno.test("a boundary is never negative and a leading part of weight 0 takes no rounding rest", () => {
  assert.deepEqual(splitBoundaries([0, 1, 1], 3), [0, 0, 1, 3]);
  assert.deepEqual(splitBoundaries([0, 1, 1], 25), [0, 0, 13, 25]);
});

Deno.test("parseSplit() reads one to three weights and refuses anything else", async () => {
  assert.deepEqual(parseSplit("900,50,50"), [900, 50, 50]);
  assert.deepEqual(parseSplit("0.9/.1"), [0.9, 0.1, 0]);
  assert.deepEqual(parseSplit(" 1 "), [1, 0, 0]);
  for (const wrong of ["", "a", "1,,1", "-1,2", "1,2,3,4", "NaN", "0x10"]) {
    await assertFails(() => parseSplit(wrong), "--split", "900,50,50");
  }
  await assertFails(() => parseSplit("0,0,0"), "all weights are 0");
});

/** The keyed permutation: a bijection, different for every seed and epoch, evenly spread, and always the same. */
import fc from "fast-check";
import { keyedPermutation, sequentialOrder, shuffledOrder } from "../../src/dataset/order.ts";
import { assert } from "../assert.ts";

fc.configureGlobal({ seed: 20261123 });

Deno.test("keyedPermutation() is a bijection for any size, seed and epoch", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 3000 }), fc.maxSafeInteger(), fc.nat(), (size, seed, epoch) => {
    const permutation = keyedPermutation(size, seed, epoch);
    const seen = new Uint8Array(size);
    for (let i = 0; i < size; i++) seen[permutation.at(i)]++;
    assert.ok(seen.every((count) => count === 1));
  }));
});

Deno.test("keyedPermutation() stays within domains far over 2^32 and maps distinct numbers to distinct ones", () => {
  for (const size of [2 ** 32 + 1, 3 * 2 ** 40 + 7, Number.MAX_SAFE_INTEGER]) {
    const permutation = keyedPermutation(size, 1234, 0);
    const values = new Set<number>();
    for (let i = 0; i < 1000; i++) {
      for (const index of [i, size - 1 - i]) {
        const value = permutation.at(index);
        assert.ok(Number.isSafeInteger(value) && value >= 0 && value < size);
        values.add(value);
      }
    }
    assert.equal(values.size, 2000);
  }
});

Deno.test("over many seeds, every permutation of four numbers comes about equally often", () => {
  const counts = new Map<string, number>();
  const runs = 24_000;
  for (let seed = 0; seed < runs; seed++) {
    const { at } = keyedPermutation(4, seed, 0);
    const key = [0, 1, 2, 3].map(at).join("");
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  assert.equal(counts.size, 24);
  const expected = runs / 24;
  const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  assert.ok(chiSquare < 60, `chi-square ${chiSquare} with 23 degrees of freedom`);
});

Deno.test("neighbours land independently: places and steps are evenly spread over a large domain", () => {
  const size = 1_000_003;
  const { at } = keyedPermutation(size, 7, 3);
  const places = new Array(16).fill(0);
  const steps = new Array(16).fill(0);
  const runs = 32_000;
  for (let i = 0; i < runs; i++) {
    places[Math.floor(at(i) / size * 16)]++;
    steps[Math.floor(((at(i + 1) - at(i) + size) % size) / size * 16)]++;
  }
  for (const counts of [places, steps]) {
    const chiSquare = counts.reduce((sum, count) => sum + (count - runs / 16) ** 2 / (runs / 16), 0);
    assert.ok(chiSquare < 45, `chi-square ${chiSquare} with 15 degrees of freedom`);
  }
});

Deno.test("shuffledOrder() visits every sample once an epoch, each epoch and seed in an order of its own", () => {
  const order = shuffledOrder({ samples: 100, seed: 1234 });
  const epochs = [0, 1, 2].map((epoch) => Array.from({ length: 100 }, (_, i) => order.at(epoch * 100 + i)));
  for (const epoch of epochs) assert.equal(new Set(epoch).size, 100);
  assert.notDeepEqual(epochs[0], epochs[1]);
  assert.notDeepEqual(epochs[1], epochs[2]);
  const other = shuffledOrder({ samples: 100, seed: 1235 });
  assert.notDeepEqual(epochs[0], Array.from({ length: 100 }, (_, i) => other.at(i)));
  assert.equal(order.at(150), epochs[1][50], "any place is found without the ones before it");
  assert.equal(shuffledOrder({ samples: 1, seed: 0 }).at(5), 0);
});

Deno.test("the order of a seed never changes: a checkpoint of today resumes tomorrow", () => {
  const order = shuffledOrder({ samples: 1000, seed: 1234 });
  assert.deepEqual(Array.from({ length: 6 }, (_, i) => order.at(i)), [343, 518, 361, 152, 40, 260]);
  assert.deepEqual(Array.from({ length: 3 }, (_, i) => order.at(1000 + i)), [826, 232, 841]);
});

Deno.test("sequentialOrder() goes through the samples in order, again and again", () => {
  const order = sequentialOrder({ samples: 3 });
  assert.deepEqual([0, 1, 2, 3, 4].map(order.at), [0, 1, 2, 0, 1]);
});

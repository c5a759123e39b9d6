import fc from "fast-check";
import { operands } from "../../src/program/op.ts";
import type { Op } from "../../src/program/op.ts";
import { planMemory } from "../../src/program/planner.ts";
import { createProgram } from "../../src/program/program.ts";
import { activation, ALIGNMENT, type Storage, type Tensor } from "../../src/program/tensor.ts";
import { assert, assertFails } from "../assert.ts";

/** A chain of ops over random pairs of tensors. */
const programs = fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 2, maxLength: 30 }).chain((sizes) =>
  fc.array(fc.tuple(fc.nat(sizes.length - 1), fc.nat(sizes.length - 1)), { minLength: 1, maxLength: 40 }).map(
    (pairs) => {
      const inputs: Tensor[] = sizes.map((size, i) => activation(`t${i}`, [size]));
      const ops: Op[] = pairs.map(([from], i) => ({
        kind: "sum",
        x: inputs[from],
        out: activation(`sum${i}`, [1]),
        scale: 1,
        accumulate: false,
      }));
      return createProgram("random", ops);
    },
  )
);

Deno.test("planMemory() never lets two storages overlap while both are alive", () => {
  fc.assert(fc.property(programs, fc.constantFrom(Infinity, 512, 1024), (program, maxHeapElements) => {
    const scratch = (op: Op) => op.kind === "sum" ? op.x.shape[0] % 70 : 0;
    const plan = planMemory(program, { maxHeapElements, scratch });
    const pieces: { first: number; last: number; heap: number; from: number; to: number }[] = [];
    const lives = new Map<Storage, { first: number; last: number }>();
    program.ops.forEach((op, index) => {
      for (const [, { storage }] of operands(op)) {
        const life = lives.get(storage);
        if (life) life.last = index;
        else lives.set(storage, { first: index, last: index });
      }
      const place = plan.scratch.get(index);
      if (place) {
        const to = place.offset + scratch(op);
        pieces.push({ first: index, last: index, heap: place.heap, from: place.offset, to });
      }
    });
    for (const [storage, life] of lives) {
      const place = plan.places.get(storage);
      assert.ok(place, storage.name);
      pieces.push({ ...life, heap: place.heap, from: place.offset, to: place.offset + storage.elements });
    }
    for (const [i, a] of pieces.entries()) {
      assert.equal(a.from % ALIGNMENT, 0);
      assert.ok(a.to <= plan.heaps[a.heap] && plan.heaps[a.heap] <= maxHeapElements);
      for (const b of pieces.slice(i + 1)) {
        const together = a.heap === b.heap && a.first <= b.last && b.first <= a.last;
        assert.ok(!together || a.to <= b.from || b.to <= a.from);
      }
    }
  }));
});

Deno.test("planMemory() gives the place of a dead activation to a later one", () => {
  const [a, b, c] = ["a", "b", "c"].map((name) => activation(name, [1024]));
  const program = createProgram("chain", [{ kind: "gelu", x: a, out: b }, { kind: "gelu", x: b, out: c }]);
  assert.deepEqual(planMemory(program).heaps, [2048]);
});

Deno.test("planMemory() refuses an activation that no heap can hold", async () => {
  const program = createProgram("large", [{ kind: "gelu", x: activation("x", [4096]), out: activation("y", [4096]) }]);
  await assertFails(() => planMemory(program, { maxHeapElements: 1000 }), "16384 bytes", "at most 4000 bytes");
});

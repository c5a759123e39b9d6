import { createProgram } from "../../src/program/program.ts";
import type { Op } from "../../src/program/op.ts";
import { activation, persistent, reshape, rows } from "../../src/program/tensor.ts";
import { assert, assertFails } from "../assert.ts";

const f = (name: string, ...shape: number[]) => activation(name, shape);

Deno.test("a matmul whose inner sizes differ is refused with op, tensors and shapes", async () => {
  const op: Op = {
    kind: "matmul",
    a: f("hidden", 4, 8),
    b: f("c_fc.weight", 9, 16),
    out: f("pre", 4, 16),
    transA: false,
    transB: false,
    accumulate: false,
  };
  await assertFails(
    () => createProgram("test", [op]),
    "matmul",
    "hidden f32 [4, 8]",
    "c_fc.weight f32 [9, 16]",
    "equal inner sizes, not 8 and 9",
  );
});

Deno.test("an op that writes over one of its inputs is refused", async () => {
  const x = f("x", 64, 8);
  await assertFails(() => createProgram("test", [{ kind: "gelu", x, out: x }]), "gelu", "apart from out");
  const overlapping = { ...rows(x, 8, 8), name: "part" };
  await assertFails(
    () => createProgram("test", [{ kind: "gelu", x: rows(x, 8, 8), out: overlapping }]),
    "x = x[8:16] f32 [8, 8]; out = part",
    "apart from out, which is written",
  );
});

Deno.test("operands of the wrong element type are refused", async () => {
  const losses = f("losses", 4);
  const op: Op = { kind: "crossEntropy", logits: f("logits", 4, 9), targets: f("t", 4), losses, gradientScale: null };
  await assertFails(() => createProgram("test", [op]), "targets of type u32");
});

Deno.test("rows() gives aligned slices and refuses others", async () => {
  const tensor = persistent("table", [128, 3]);
  assert.deepEqual([rows(tensor, 64, 10).offset, rows(tensor, 64, 10).shape], [192, [10, 3]]);
  await assertFails(() => rows(tensor, 1, 2), "not aligned");
  await assertFails(() => rows(tensor, 64, 65), "do not exist");
});

Deno.test("reshape() keeps the number of elements", async () => {
  assert.deepEqual(reshape(f("x", 6), [2, 3]).shape, [2, 3]);
  await assertFails(() => reshape(f("x", 6), [4]), "x f32 [6]");
});

Deno.test("a tensor without elements is refused", async () => {
  await assertFails(() => f("x", 0, 4), "x", "[0,4]");
});

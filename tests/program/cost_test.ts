import { opCost, programCost } from "../../src/program/cost.ts";
import { presetConfig } from "../../src/model/presets.ts";
import { buildMicroStep, createModel, createOptimizer } from "../../src/model/training_programs.ts";
import { activation } from "../../src/program/tensor.ts";
import { assert } from "../assert.ts";

Deno.test("opCost() counts a matmul's multiply-adds twice and its operands once", () => {
  const f = (name: string, ...shape: number[]) => activation(name, shape);
  const cost = opCost({
    kind: "matmul",
    a: f("a", 3, 5),
    b: f("b", 5, 7),
    out: f("out", 3, 7),
    transA: false,
    transB: false,
    accumulate: true,
  });
  assert.deepEqual(cost, { flops: 2 * 3 * 5 * 7, bytes: 4 * (15 + 35 + 2 * 21) });
});

Deno.test("a micro-step costs about 6 operations for each parameter and token", () => {
  const config = presetConfig("gpt2-en");
  assert.ok(config);
  const model = createModel(config);
  const step = buildMicroStep(model, createOptimizer(model.table), { batch: 1, sequence: 1024 }, 1);
  const { flops } = programCost(step.program);
  // Kaplan et al. 2020: 6N for the weights; attention adds 6·layers·width·(sequence/2)·2 by token.
  const expected = 1024 * (6 * model.table.count + 6 * 12 * 768 * 1024);
  assert.ok(flops > 0.9 * expected && flops < 1.1 * expected, `${flops / expected}`);
});

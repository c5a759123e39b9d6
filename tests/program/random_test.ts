import { normal, threefry } from "../../src/program/random.ts";
import { assert } from "../assert.ts";

Deno.test("threefry() gives the published known answers for 13 rounds", () => {
  const all = 0xffffffff;
  assert.deepEqual(threefry(0, 0, 0, 0), [0x9d1c5ec6, 0x8bd50731]);
  assert.deepEqual(threefry(all, all, all, all), [0xfd36d048, 0x2d17272c]);
  assert.deepEqual(threefry(0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3), [0xba3e4725, 0xf27d669e]);
});

Deno.test("normal() has mean 0 and variance 1", () => {
  const values = Array.from({ length: 20_000 }, (_, i) => normal(7, 8, i, 0));
  const mean = values.reduce((a, b) => a + b) / values.length;
  const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length;
  assert.ok(Math.abs(mean) < 0.03 && Math.abs(variance - 1) < 0.04, `${mean} ${variance}`);
});

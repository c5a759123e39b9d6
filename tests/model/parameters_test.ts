import { PRESET_NAMES, presetConfig } from "../../src/model/presets.ts";
import { createArena, initialValues, parameterTable } from "../../src/model/parameters.ts";
import { ALIGNMENT, elementCount } from "../../src/program/tensor.ts";
import { loadGolden } from "../golden/golden.ts";
import { assert } from "../assert.ts";

Deno.test("presets have the parameter counts of their published sizes", () => {
  const millions = Object.fromEntries(PRESET_NAMES.map((name) => {
    const config = presetConfig(name);
    assert.ok(config);
    return [name, Math.round(parameterTable(config).count / 1e5) / 10];
  }));
  assert.deepEqual(millions, {
    "gpt2-small-en": 102.9,
    "gpt2-en": 124.4,
    "gpt2-medium-en": 354.9,
    "gpt2-large-en": 774.0,
    "gpt2-xl-en": 1557.6,
    "gpt3-1.3B-en": 1313.7,
    "gpt3-13B-en": 12848.4,
    "gpt-cpm-small-cn-distill": 108.9,
    "gpt-cpm-large-cn": 2597.1,
  });
});

Deno.test("the table's names and shapes are those of a Hugging Face GPT-2 directory", () => {
  for (const name of ["small", "bytes"] as const) {
    const golden = loadGolden(name);
    const sizes = parameterTable(golden.config).parameters.map(({ name, shape }) => [name, elementCount(shape)]);
    const expected = [...golden.weights].map(([name, values]) => [name, values.length]);
    assert.deepEqual(new Map(sizes as [string, number][]), new Map(expected as [string, number][]));
  }
});

Deno.test("decayed parameters come first in the arena, aligned and apart", () => {
  const table = parameterTable(loadGolden("small").config);
  const sorted = [...table.parameters].sort((a, b) => a.offset - b.offset);
  let end = 0;
  for (const { name, offset, shape, decay } of sorted) {
    assert.ok(offset >= end && offset % ALIGNMENT === 0, name);
    assert.equal(decay, offset < table.decayElements, name);
    assert.equal(decay, !/bias|ln_/.test(name), name);
    end = offset + elementCount(shape);
  }
  assert.ok(end <= table.elements);
  assert.throws(() => createArena(table, "parameters").of("h.9.ln_1.weight"), RangeError);
});

Deno.test("initialValues() depends on seed and name alone, with GPT-2's deviations", () => {
  const config = { ...loadGolden("bytes").config, layers: 8, hiddenSize: 128 };
  const find = (name: string) => {
    const parameter = parameterTable(config).parameters.find((parameter) => parameter.name === name);
    assert.ok(parameter);
    return parameter;
  };
  const deviation = (name: string, seed = 1) => {
    const values = initialValues(config, find(name), seed);
    return Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
  };
  assert.ok(Math.abs(deviation("h.0.mlp.c_fc.weight") - 0.02) < 0.001);
  assert.ok(Math.abs(deviation("h.0.mlp.c_proj.weight") - 0.005) < 0.0003);
  assert.deepEqual([deviation("ln_f.weight"), deviation("ln_f.bias")], [1, 0]);
  const wte = find("wte.weight");
  assert.deepEqual(initialValues(config, wte, 3), initialValues(config, wte, 3));
  assert.notDeepEqual(initialValues(config, wte, 3), initialValues(config, wte, 4));
  assert.notDeepEqual(
    initialValues(config, find("h.0.attn.c_attn.weight"), 3),
    initialValues(config, find("h.1.attn.c_attn.weight"), 3),
  );
});

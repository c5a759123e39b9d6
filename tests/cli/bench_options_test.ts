import assert from "node:assert/strict";
import { benchOptionTable, checkBenchOptions } from "../../src/cli/bench_options.ts";
import { parseOptions } from "../../src/cli/parse_options.ts";
import { UserError } from "../../src/errors.ts";
import { createModel } from "../../src/model/training_programs.ts";

function options(line: string) {
  const { values, given } = parseOptions(benchOptionTable, line.split(/\s+/).filter((word) => word !== ""));
  return checkBenchOptions(values, given);
}

const userError = (message: RegExp) => (error: unknown) => error instanceof UserError && message.test(error.message);

Deno.test("the shapes have the parameters and the batches that their help says", () => {
  for (const [shape, millions, batch, sequence] of [["S", 1.3, 16, 128], ["M", 13.9, 8, 256], ["L", 124, 4, 64]]) {
    const { config, micro_batch_size, max_seq_len } = options(`--shape ${shape}`);
    const count = createModel(config).table.count / 1e6;
    assert.ok(Math.abs(count - Number(millions)) < 0.1 * Number(millions) ** 0.5, `${shape}: ${count}`);
    assert.deepEqual([micro_batch_size, max_seq_len], [batch, sequence]);
  }
});

Deno.test("single sizes take the place of a shape's and of a preset's", () => {
  const { config, micro_batch_size } = options("--shape M --num_layers 2 --vocab_size 100 --micro_batch_size 3");
  assert.deepEqual([config.layers, config.hiddenSize, config.vocabSize, config.eosId], [2, 384, 100, 99]);
  assert.equal(micro_batch_size, 3);
  const preset = options("--model_name_or_path gpt2-en --num_layers 1 --max_seq_len 256").config;
  assert.deepEqual([preset.layers, preset.hiddenSize, preset.maxPositions], [1, 768, 256]);
});

Deno.test("options that would do nothing are refused by name", () => {
  for (
    const [line, message] of [
      ["--shape S --model_name_or_path gpt2-en", /--shape S: cannot go together/],
      ["--only decode --beside x", /--beside: times the training step only/],
      ["--only gemm --num_layers 2", /--num_layers: does not act with --only gemm/],
      ["--only gemm --shape S", /--shape: does not act/],
      ["--only decode --micro_batch_size 2", /--micro_batch_size: does not act with --only decode/],
      ["--device gpu --threads 1", /--threads 1: acts on the CPU device only/],
      ["--hidden_size 30", /heads/],
    ] as const
  ) assert.throws(() => options(line), userError(message), line);
});

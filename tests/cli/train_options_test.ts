import assert from "node:assert/strict";
import { quickstartOptions } from "../../src/cli/quickstart.ts";
import { checkTrainOptions, savedOptions, type TrainOptions, trainOptionTable } from "../../src/cli/train_options.ts";
import { refuseSeveralProcesses } from "../../src/cli/device_options.ts";
import { parseOptions } from "../../src/cli/parse_options.ts";
import { tokenizerSources } from "../../src/cli/train_reports.ts";
import { UserError } from "../../src/errors.ts";

function options(line: string): TrainOptions {
  const { values, given } = parseOptions(trainOptionTable, line.split(/\s+/).filter((word) => word !== ""));
  return checkTrainOptions(values, given);
}

const userError = (message: RegExp) => (error: unknown) => error instanceof UserError && message.test(error.message);

Deno.test("the training command of the original example is accepted as written", () => {
  const parsed = options(`--model_type gpt --model_name_or_path gpt2-en --input_dir ./data_tools --output_dir output
    --max_seq_len 1024 --micro_batch_size 4 --max_lr 0.00015 --min_lr 0.00001 --max_steps 50000 --save_steps 100000
    --decay_steps 320000 --weight_decay 0.01 --warmup_rate 0.01 --grad_clip 1.0 --logging_freq 1 --eval_freq 1000
    --device gpu`);
  assert.equal(parsed.model_name_or_path, "gpt2-en");
  assert.equal(parsed.max_lr, 0.00015);
  assert.equal(parsed.decay_steps, 320000);
  assert.equal(parsed.accumulationSteps, 1);
  assert.equal(parsed.device, "gpu");
});

Deno.test("the global batch decides how many micro batches make a step", () => {
  assert.equal(options("--micro_batch_size 4 --global_batch_size 64").accumulationSteps, 16);
  assert.equal(options("--micro_batch_size 4").global_batch_size, 4);
  assert.throws(() => options("--micro_batch_size 4 --global_batch_size 6"), userError(/such as 4 or 8/));
});

Deno.test("the decay ends with the run unless it is said otherwise", () => {
  assert.equal(options("--max_steps 300").decay_steps, 300);
});

Deno.test("options of what is not there yet are refused, and accepted where they ask for nothing", () => {
  for (
    const [line, message] of [
      ["--use_amp", /--use_amp: mixed precision is not there yet/],
      ["--scale_loss 1024", /--scale_loss: acts only with --use_amp/],
      ["--use_recompute=true", /--use_recompute: recomputation is not there yet/],
    ] as const
  ) assert.throws(() => options(line), userError(message));
  options("--use_amp false --no-use_recompute --scale_loss 32768 --device auto");
});

Deno.test("several processes are refused under every launcher that says so", () => {
  for (const name of ["WORLD_SIZE", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE"]) {
    assert.throws(
      () => refuseSeveralProcesses((asked) => asked === name ? "2" : undefined),
      userError(/not there yet/),
    );
    refuseSeveralProcesses((asked) => asked === name ? "1" : undefined);
  }
});

Deno.test("options that contradict each other are refused by name", () => {
  assert.throws(() => options("--min_lr 1 --max_lr 0.1"), userError(/--min_lr: 1 is above/));
  assert.throws(() => options("--split 0,1,1"), userError(/training part has weight 0/));
  assert.throws(() => options("--vocab_file v.json"), userError(/--merge_file: is missing/));
});

Deno.test("the options that a run saves are settled, and read back they are the same", () => {
  for (
    const parsed of [
      options("--max_steps 300 --resume"),
      quickstartOptions(options("--micro_batch_size 4 --device gpu")),
    ]
  ) {
    const saved = savedOptions(parsed);
    assert.equal(saved.decay_steps, parsed.max_steps);
    assert.equal(saved.global_batch_size, parsed.micro_batch_size);
    assert.ok(!("resume" in saved));
    const back = parseOptions(trainOptionTable, ["--config", "run.json"], () => JSON.stringify(saved));
    assert.deepEqual(savedOptions(checkTrainOptions(back.values, back.given)), saved);
  }
});

Deno.test("the quickstart takes the user's options over its own, and a preset's sizes", () => {
  const preset = quickstartOptions(options("--model_name_or_path gpt2-en --max_steps 7"));
  assert.deepEqual([preset.num_layers, preset.hidden_size, preset.num_heads, preset.max_steps], [null, null, null, 7]);
  assert.equal(quickstartOptions(options("")).num_layers, 4);
  assert.throws(() => quickstartOptions(options("--max_lr 0.00001")), userError(/--max_lr: .*below --min_lr/));
});

Deno.test("a resumed run looks for its tokenizer in its newest checkpoint", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (const step of [9, 10]) await Deno.mkdir(`${folder}/model_${step}`);
    const resumed = options(`--model_name_or_path gpt2-en --output_dir ${folder} --resume`);
    assert.equal(tokenizerSources(resumed).checkpoint, `${folder}/model_10`);
    assert.equal(tokenizerSources(options("--model_name_or_path other")).checkpoint, "other");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

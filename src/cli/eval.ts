/** `codekiln eval`: the loss of a checkpoint on token files. */

import { loadWeights } from "../checkpoint/checkpoint.ts";
import { readConfigJson } from "../checkpoint/config_json.ts";
import { resolveCheckpoint } from "../checkpoint/find.ts";
import { openDataset } from "../dataset/dataset.ts";
import { UserError } from "../errors.ts";
import { buildEvaluation, createModel } from "../model/training_programs.ts";
import { sourceOf } from "../train/run.ts";
import { evaluate } from "../train/trainer.ts";
import { findCheckpointTokenizer } from "./checkpoint_tokenizer.ts";
import type { CommandContext } from "./command.ts";
import type { EvalOptions, EvalResult } from "./eval_options.ts";
import { openNotedDevice } from "./open_device.ts";
import { startProgress, stderrProgressOutput } from "./progress.ts";

export async function runEval(options: EvalOptions, context: CommandContext): Promise<void> {
  const checkpoint = resolveCheckpoint(options.model_name_or_path);
  const config = readConfigJson(`${checkpoint}/config.json`);
  const sequence = options.max_seq_len ?? config.maxPositions;
  if (sequence > config.maxPositions) {
    throw new UserError(`is ${sequence}`, {
      where: "--max_seq_len",
      expected: `at most the model's ${config.maxPositions} positions`,
    });
  }
  const { part, split } = options;
  const open = { maxSeqLen: sequence, split, vocabSize: config.vocabSize, parts: [part] };
  using dataset = await openDataset(options.input_dir, open);
  const samples = dataset.part(part);
  if (!samples) throw new UserError(`the ${part} part has weight 0`, { where: `--split ${split}` });
  const tokenizer = await findCheckpointTokenizer(checkpoint);
  if (tokenizer && dataset.tokenizer && dataset.tokenizer.fingerprint !== tokenizer.fingerprint) {
    throw new UserError(`the data were tokenized with ${dataset.tokenizer.name}, not with the model's tokenizer`, {
      where: options.input_dir,
      hint: `make the data with --tokenizer ${checkpoint}`,
    });
  }

  await using device = await openNotedDevice(options, context.note);
  const model = createModel(config);
  const microBatchSize = Math.min(options.micro_batch_size, samples.samples);
  const evaluation = buildEvaluation(model, { batch: microBatchSize, sequence });
  const [executable] = await device.compile([evaluation.program]);
  loadWeights(checkpoint, device, model);
  using progress = startProgress({ label: "evaluating", unit: "samples" }, stderrProgressOutput());
  const compiled = { ...evaluation, executable, microBatchSize, sequence };
  const result = await evaluate(device, compiled, sourceOf(samples), {
    batches: Infinity,
    byteLength: tokenizer && ((id) => id < tokenizer.vocabSize ? tokenizer.byteLength(id) : 0),
    onProgress: (done, total) => progress.update(done, { total }),
    signal: context.signal,
  });
  const { loss, tokens, bitsPerByte } = result;
  const printed: EvalResult = { loss, bits_per_byte: bitsPerByte, perplexity: Math.exp(loss), tokens };
  await context.write(JSON.stringify(printed, null, options.json ? undefined : 2) + "\n");
}

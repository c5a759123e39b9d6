/** `codekiln bench`: times the kernels and whole steps of a model on a device, beside the device's measured roofline. */

import { benchModel, type BenchResult } from "../bench/model_bench.ts";
import { measureRoofline, type Roofline } from "../bench/roofline.ts";
import { checkConfig } from "../model/config.ts";
import { DEFAULT_CONFIG, presetConfig } from "../model/presets.ts";
import type { CommandContext } from "./command.ts";
import { defineCommand } from "./define_command.ts";
import { deviceOptions, refuseCpu } from "./device_options.ts";
import { presetNames } from "./model_names.ts";
import { openNotedDevice } from "./open_device.ts";
import { optionTable, type OptionValues } from "./options.ts";

const table = optionTable({
  model_name_or_path: {
    type: "enum",
    values: presetNames,
    group: "Model",
    help: "Preset whose sizes are timed; default: a small model of the sizes below",
  },
  num_layers: { type: "integer", default: 4, min: 1, group: "Model", help: "Layers" },
  hidden_size: { type: "integer", default: 128, min: 1, group: "Model", help: "Width" },
  num_heads: { type: "integer", default: 4, min: 1, group: "Model", help: "Attention heads" },
  vocab_size: { type: "integer", default: 4096, min: 2, group: "Model", help: "Vocabulary" },
  max_seq_len: { type: "integer", default: 128, min: 1, group: "Model", help: "Tokens in a sample" },
  micro_batch_size: { type: "integer", default: 16, min: 1, group: "Model", help: "Samples computed at once" },
  ...deviceOptions,
  rounds: { type: "integer", default: 5, min: 1, group: "Measurement", help: "Rounds; the median is shown" },
  round_ms: { type: "integer", default: 200, min: 1, group: "Measurement", help: "Least length of a round, ms" },
  json: { type: "boolean", default: false, group: "Output", help: "Print JSON lines instead of a table" },
});

export const benchCommand = defineCommand({
  name: "bench",
  summary: "Time kernels and whole steps on a device, beside its measured roofline",
  description:
    "Times every distinct op of a training step, the step itself and a decoding step, and shows each one's share of the best rates that this device reaches in large matrix products and in streaming memory.",
  options: table,
  examples: [
    { what: "the small model", command: "bench" },
    { what: "GPT-2, as JSON lines", command: "bench --model_name_or_path gpt2-en --micro_batch_size 1 --json" },
  ],
  run: ({ values }, context) => runBench(values, context),
});

async function runBench(values: OptionValues<typeof table>, context: CommandContext): Promise<void> {
  refuseCpu(values.device);
  const preset = values.model_name_or_path === null ? null : presetConfig(values.model_name_or_path);
  const custom = {
    ...DEFAULT_CONFIG,
    vocabSize: values.vocab_size,
    layers: values.num_layers,
    hiddenSize: values.hidden_size,
    heads: values.num_heads,
    eosId: values.vocab_size - 1,
  };
  const config = checkConfig({
    ...preset ?? custom,
    maxPositions: values.max_seq_len,
    hiddenDropout: 0,
    attentionDropout: 0,
  });
  await using device = await openNotedDevice(values.device === "gpu" ? "gpu" : "auto", context.note);
  const effort = { rounds: values.rounds, roundMs: values.round_ms };
  const roofline = await measureRoofline(device, effort);
  await context.write(
    values.json ? `${JSON.stringify({ device: device.name, roofline })}\n` : heading(device.name, roofline),
  );
  const options = { config, batch: values.micro_batch_size, sequence: values.max_seq_len, effort };
  for await (const result of benchModel(device, options, roofline)) {
    context.signal.throwIfAborted();
    await context.write(values.json ? `${JSON.stringify(result)}\n` : row(result));
  }
}

const WIDTHS = [30, 22, 6, 11, 9, 8, 9] as const;

function columns(cells: readonly string[]): string {
  return cells.map((cell, i) => i < 2 ? cell.padEnd(WIDTHS[i]) : cell.padStart(WIDTHS[i])).join("").trimEnd() + "\n";
}

function heading(name: string, { gflops, gigabytesPerSecond }: Roofline): string {
  return `${name}\nroofline: ${gflops.toPrecision(3)} GFLOPS, ${gigabytesPerSecond.toPrecision(3)} GB/s\n\n` +
    columns(["op", "shape", "count", "ms", "GFLOPS", "GB/s", "roofline"]);
}

function row({ name, shape, count, ms, gflops, gigabytesPerSecond, rooflineShare }: BenchResult): string {
  return columns([
    name,
    shape,
    count > 0 ? String(count) : "",
    ms.toPrecision(4),
    gflops.toPrecision(3),
    gigabytesPerSecond.toPrecision(3),
    `${Math.round(rooflineShare * 100)}%`,
  ]);
}

/**
 * All commands: what they are called, what options they have, and examples. What a command does is loaded when it is run, so that help and
 * messages are there at once and no command waits for the others' modules.
 */

import { benchOptionTable, checkBenchOptions } from "./bench_options.ts";
import type { Command } from "./command.ts";
import { dataOptionTable } from "./data_options.ts";
import { defineCommand } from "./define_command.ts";
import { checkEvalOptions, evalOptionTable } from "./eval_options.ts";
import { checkGenerateOptions, generateOptionTable } from "./generate_options.ts";
import { optionTable } from "./options.ts";
import { decodeOptionTable, encodeOptionTable, trainTokenizerOptionTable } from "./tokenizer_options.ts";
import { checkTrainOptions, trainOptionTable } from "./train_options.ts";

export const dataCommand = defineCommand({
  name: "data",
  summary: "Turn source files and archives into token files for training",
  description:
    "Reads documents, encodes them and writes P_ids.npy (all token ids), P_idx.npz (document lengths) and P_meta.json. Nothing appears under these names until all of it is written. A run that was stopped or killed goes on with --resume.",
  options: dataOptionTable,
  examples: [
    {
      what: "your own projects with your own tokenizer",
      command: "data --input ~/projects --include '**/*.py' --tokenizer tok --output_prefix data/my",
    },
    {
      what: "an archive with GPT-2's vocabulary",
      command: "data --input corpus.tar.gz --tokenizer gpt2 --output_prefix data/corpus",
    },
    {
      what: "jsonl from another program",
      command:
        "zstdcat code.jsonl.zst | codekiln data --input - --json_key content --tokenizer gpt2 --output_prefix data/code",
    },
    {
      what: "a held-out part that stays the same when the corpus grows",
      command: "data --input corpus.jsonl.zst --tokenizer tok --output_prefix data/corpus --split_by_hash 98,1,1",
    },
    { what: "what is in a token file", command: "data --inspect data/corpus" },
  ],
  run: async ({ values, given }, context) => {
    if (values.inspect !== null) {
      return await (await import("./inspect.ts")).inspectData(values.inspect, { values, given }, context);
    }
    const { startThreadAhead } = await import("../dataset/thread_handle.ts");
    using ahead = await startThreadAhead(values.input, values.workers ?? undefined);
    await (await import("./data.ts")).writeData(values, context, ahead);
  },
});

export const tokenizerTrainCommand = defineCommand({
  name: "tokenizer train",
  summary: "Train a byte-level BPE vocabulary on source files",
  description:
    "Learns a byte-level BPE vocabulary and writes tokenizer.json, tokenizer_config.json, special_tokens_map.json, vocab.json and merges.txt.",
  options: trainTokenizerOptionTable,
  examples: [
    {
      what: "8192 tokens from your own projects",
      command: "tokenizer train --input ~/projects --include '**/*.py' --vocab_size 8192 --output tok",
    },
    {
      what: "32768 tokens for code, with tokens for filling in the middle, from a large corpus",
      command: "tokenizer train --input corpus.jsonl.zst --vocab_size 32768 --pattern code --max_memory 4096 " +
        "--special_tokens '<|fim_prefix|>' '<|fim_middle|>' '<|fim_suffix|>' --output tok",
    },
  ],
  run: async ({ values }, context) => await (await import("./tokenizer.ts")).trainTokenizer(values, context),
});

export const tokenizerEncodeCommand = defineCommand({
  name: "tokenizer encode",
  summary: "Text on stdin to token ids on stdout",
  description: "Encodes the text on stdin and prints its token ids, separated by spaces.",
  options: encodeOptionTable,
  examples: [{ what: "GPT-2's ids of a file", command: "tokenizer encode --tokenizer gpt2 < file.py" }],
  run: async ({ values }, context) => await (await import("./tokenizer.ts")).encodeText(values, context),
});

export const tokenizerDecodeCommand = defineCommand({
  name: "tokenizer decode",
  summary: "Token ids on stdin to text on stdout",
  description:
    "Reads token ids from stdin, separated by white space or as JSON arrays, and prints the text they stand for, to the byte.",
  options: decodeOptionTable,
  examples: [{
    what: "there and back",
    command: "tokenizer encode --tokenizer gpt2 < file.py | codekiln tokenizer decode --tokenizer gpt2",
  }],
  run: async ({ values }, context) => await (await import("./tokenizer.ts")).decodeIds(values, context),
});

export const trainCommand = defineCommand({
  name: "train",
  summary: "Train a GPT on the token files of codekiln data; without --input_dir, the quickstart",
  description:
    "Trains a GPT and writes checkpoints in the Hugging Face GPT-2 layout, metrics.jsonl and options.json to --output_dir. Without --input_dir it runs the quickstart: a small model on source code that comes with npm packages.",
  options: trainOptionTable,
  examples: [
    {
      what: "GPT-2 from random weights on the files my_ids.npy and my_idx.npz in data/",
      command:
        "train --model_name_or_path gpt2-en --input_dir data --output_dir output --micro_batch_size 4 --global_batch_size 64 --max_steps 50000",
    },
    {
      what: "a small model of your own size",
      command:
        "train --input_dir data --num_layers 6 --hidden_size 384 --num_heads 6 --max_seq_len 256 --max_lr 1e-3 --max_steps 2000",
    },
    { what: "go on where a run stopped", command: "train --config output/options.json --resume" },
    { what: "the quickstart", command: "train" },
  ],
  run: async ({ values, given }, context) => {
    const options = checkTrainOptions(values, given);
    await (await import("./train.ts")).runTrain(options, context);
  },
});

export const evalCommand = defineCommand({
  name: "eval",
  summary: "Measure a checkpoint's loss, perplexity and bits per byte on token files",
  description:
    'Prints {"loss": mean nats per token, "bits_per_byte": …|null, "perplexity": …, "tokens": n} for one part of the data.',
  options: evalOptionTable,
  examples: [
    {
      what: "the validation loss of a run's newest checkpoint",
      command: "eval --model_name_or_path output --input_dir data",
    },
    {
      what: "all of another data set, on one line",
      command: "eval --model_name_or_path output/model_2000 --input_dir other --part all --json",
    },
  ],
  run: async ({ values }, context) => {
    const options = checkEvalOptions(values);
    await (await import("./eval.ts")).runEval(options, context);
  },
});

export const generateCommand = defineCommand({
  name: "generate",
  summary: "Continue prompts with a checkpoint: text to stdout as it is made",
  description:
    "Continues each prompt and writes prompt and continuation as they are made, with a line of dashes between texts; with --json, one JSON object for each text.",
  options: generateOptionTable,
  examples: [
    {
      what: "continue one prompt",
      command: "generate --model_name_or_path output --prompt 'def fibonacci(n):'",
    },
    {
      what: "three samples for each line of stdin, as JSON lines",
      command:
        "generate --model_name_or_path output --decode_strategy sampling --top_k 10 --temperature 0.5 --num_return_sequences 3 --json < prompts.txt",
    },
    {
      what: "continue a whole file",
      command: "generate --model_name_or_path output --prompt_file start.py --prompt_format whole --max_dec_len 256",
    },
  ],
  run: async ({ values, given }, context) => {
    const options = checkGenerateOptions(values, given);
    await (await import("./generate.ts")).runGenerate(options, context);
  },
});

export const devicesCommand = defineCommand({
  name: "devices",
  summary: "Show what this machine can compute on and what --device auto takes",
  description:
    "Lists the WebGPU adapters with their features and limits, the processor with its threads, its memory and the system BLAS that was found, and what --device auto would choose.",
  options: optionTable({
    json: { type: "boolean", default: false, group: "Output", help: "Print one JSON object" },
  }),
  examples: [
    { what: "for people", command: "devices" },
    { what: "for programs", command: "devices --json" },
  ],
  run: async ({ values }, context) => await (await import("./devices.ts")).showDevices(values.json, context),
});

export const benchCommand = defineCommand({
  name: "bench",
  summary: "Time kernels and whole steps on a device, beside its measured roofline",
  description:
    "Times a training step, every distinct op of it, and decoding, and shows each one's share of the best rates that this device reaches in large matrix products and in streaming memory. On the CPU ops are timed within the step; on a GPU each alone, on operands of its own.",
  options: benchOptionTable,
  examples: [
    { what: "a small model on the device that --device auto takes", command: "bench" },
    { what: "GPT-2 on the CPU, as JSON lines", command: "bench --shape L --device cpu --json" },
    { what: "square matrix products without a system BLAS", command: "bench --only gemm --device cpu --blas off" },
    { what: "the same step in turns with another program's", command: "bench --shape M --beside './peer.sh'" },
  ],
  run: async ({ values, given }, context) => {
    const options = checkBenchOptions(values, given);
    await (await import("./bench.ts")).runBench(options, context);
  },
});

export const commands: readonly Command[] = [
  dataCommand,
  tokenizerTrainCommand,
  tokenizerEncodeCommand,
  tokenizerDecodeCommand,
  trainCommand,
  evalCommand,
  generateCommand,
  devicesCommand,
  benchCommand,
];

/** `codekiln generate`: continues prompts with a checkpoint. */

import { loadWeights } from "../checkpoint/checkpoint.ts";
import { readConfigJson } from "../checkpoint/config_json.ts";
import { resolveCheckpoint } from "../checkpoint/find.ts";
import type { Device } from "../device/device.ts";
import { UserError } from "../errors.ts";
import { createGenerator, type Generator } from "../generate/generator.ts";
import type { SamplingSettings } from "../generate/settings.ts";
import { continueTexts, promptIds } from "../generate/texts.ts";
import { createModel, type ModelTensors } from "../model/training_programs.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { findCheckpointTokenizer } from "./checkpoint_tokenizer.ts";
import type { CommandContext } from "./command.ts";
import type { GenerateOptions } from "./generate_options.ts";
import { openNotedDevice } from "./open_device.ts";
import { readPrompts } from "./prompts.ts";
import { quickstartFolder } from "./quickstart.ts";
import { takeReady } from "./take_ready.ts";
import { createJsonWriter, createTextWriter, type TextWriter } from "./text_writer.ts";

/** Texts that are made together at most. */
const MAX_BATCH = 8;

/** The folder that the options name, or the quickstart's model. */
function checkpointOf(options: GenerateOptions): string {
  if (options.model_name_or_path !== null) return resolveCheckpoint(options.model_name_or_path);
  try {
    return resolveCheckpoint(quickstartFolder.run);
  } catch (cause) {
    throw new UserError("is missing", {
      where: "--model_name_or_path",
      expected: "a checkpoint folder",
      hint: "codekiln train without options makes a first model, which is then taken",
      cause,
    });
  }
}

export async function runGenerate(options: GenerateOptions, context: CommandContext): Promise<void> {
  const checkpoint = checkpointOf(options);
  const config = readConfigJson(`${checkpoint}/config.json`);
  if (options.min_dec_len >= config.maxPositions) {
    throw new UserError(`is ${options.min_dec_len}`, {
      where: "--min_dec_len",
      expected: `fewer than the model's ${config.maxPositions} positions`,
    });
  }
  const tokenizer = await findCheckpointTokenizer(checkpoint);
  if (!tokenizer) {
    throw new UserError("there is no tokenizer in the checkpoint", {
      where: checkpoint,
      hint: "put the tokenizer.json that the model was trained with beside its config.json",
    });
  }
  const eosId = tokenizer.eosId === null ? null : config.eosId;
  const settings: SamplingSettings = {
    greedy: options.decode_strategy === "greedy_search",
    temperature: options.temperature,
    topK: options.top_k,
    topP: options.top_p,
    repetitionPenalty: options.repetition_penalty,
    minNew: options.min_dec_len,
    maxNew: options.max_dec_len,
    eosId,
    seed: options.seed,
  };
  const prompts = promptsOf(options, context)[Symbol.asyncIterator]();
  const copies = options.num_return_sequences;
  const nextPrompts = () => takeReady(prompts, Math.max(1, Math.floor(MAX_BATCH / copies)));
  // The first prompts come before the model, so that a missing file is heard of at once.
  let ready = await nextPrompts();
  if (ready.length === 0) return context.note("note: there are no prompts");
  await using device = await openNotedDevice(options, context.note);
  const model = createModel(config);
  loadWeights(checkpoint, device, model);
  using engine = createEngines(device, model, options.max_dec_len);
  const writer = options.json ? createJsonWriter(context.write) : createTextWriter(context.write);
  let sequence = 0;
  for (; ready.length > 0; ready = await nextPrompts()) {
    const requests = ready.flatMap((prompt) => {
      const { ids, cut } = promptIds(tokenizer, prompt, eosId, {
        positions: config.maxPositions,
        maxNew: settings.maxNew,
      });
      if (cut > 0) {
        context.note(`note: the prompt is longer than the model's context; its first ${cut} tokens are left out`);
      }
      return Array.from({ length: copies }, () => ({ prompt, ids, sequence: sequence++ }));
    });
    for (let from = 0; from < requests.length; from += MAX_BATCH) {
      const group = requests.slice(from, from + MAX_BATCH);
      await answer(await engine.forBatch(group.length), tokenizer, group, settings, writer, context.signal);
    }
  }
}

/** Prompts from the options, a file, or stdin. */
function promptsOf(options: GenerateOptions, context: CommandContext): AsyncGenerator<Uint8Array> {
  return readPrompts(options, () => {
    if (Deno.stdin.isTerminal()) context.note("note: type a prompt and end it with a newline; Ctrl-D ends");
    return context.stdin;
  });
}

/** Compiled models by batch size: the smallest power of two that holds a group; one is kept at a time. */
function createEngines(device: Device, model: ModelTensors, maxNew: number) {
  let generator: Generator | null = null;
  return {
    async forBatch(size: number): Promise<Generator> {
      const batch = 2 ** Math.ceil(Math.log2(size));
      if (generator?.batch === batch) return generator;
      generator?.[Symbol.dispose]();
      generator = await createGenerator(device, model, { batch, maxNew });
      return generator;
    },
    [Symbol.dispose]: () => generator?.[Symbol.dispose](),
  };
}

async function answer(
  generator: Generator,
  tokenizer: Tokenizer,
  requests: readonly { prompt: Uint8Array; ids: Uint32Array; sequence: number }[],
  settings: SamplingSettings,
  writer: TextWriter,
  signal: AbortSignal,
): Promise<void> {
  const texts = writer.begin(requests.map(({ prompt }) => new TextDecoder().decode(prompt)));
  for await (const { index, text, end } of continueTexts(generator, tokenizer, requests, settings, signal)) {
    await texts.add(index, text, end);
  }
}

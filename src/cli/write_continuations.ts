/** Shows what a checkpoint writes for a few prompts. */

import { loadWeights } from "../checkpoint/checkpoint.ts";
import { readConfigJson } from "../checkpoint/config_json.ts";
import { createGenerator } from "../generate/generator.ts";
import { DEFAULT_SAMPLING } from "../generate/settings.ts";
import { continueTexts, promptIds } from "../generate/texts.ts";
import { createModel } from "../model/training_programs.ts";
import { findCheckpointTokenizer } from "./checkpoint_tokenizer.ts";
import type { CommandContext } from "./command.ts";
import type { DeviceOptions } from "./device_options.ts";
import { openNotedDevice } from "./open_device.ts";
import { createTextWriter } from "./text_writer.ts";

/** Continues each prompt once, by sampling, and writes the texts. */
export async function writeContinuations(
  checkpoint: string,
  prompts: readonly string[],
  { seed, maxNew, ...options }: DeviceOptions & { readonly seed: number; readonly maxNew: number },
  context: CommandContext,
): Promise<void> {
  const tokenizer = await findCheckpointTokenizer(checkpoint);
  if (!tokenizer) return;
  await using device = await openNotedDevice(options, () => {});
  const model = createModel(readConfigJson(`${checkpoint}/config.json`));
  loadWeights(checkpoint, device, model);
  using generator = await createGenerator(device, model, { batch: prompts.length, maxNew });
  const { eosId } = model.config;
  const requests = prompts.map((prompt, sequence) => ({
    ...promptIds(tokenizer, new TextEncoder().encode(prompt), eosId, { positions: generator.positions, maxNew }),
    sequence,
  }));
  const settings = { ...DEFAULT_SAMPLING, minNew: 16, maxNew, eosId, seed };
  const texts = createTextWriter(context.write).begin(prompts);
  for await (const { index, text, end } of continueTexts(generator, tokenizer, requests, settings, context.signal)) {
    await texts.add(index, text, end);
  }
}

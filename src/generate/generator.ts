/**
 * The generation engine: continues batches of token ids on a device. It knows nothing of text. Sampling happens on the device;
 * several tokens are made between two read-backs, as many as keep the reader supplied about five times a second.
 */
import { UserError } from "../errors.ts";
import type { Device } from "../device/device.ts";
import { buildDecode, buildPrefill, createGenerationState } from "../model/generation_programs.ts";
import type { ModelTensors } from "../model/training_programs.ts";
import { persistentStorages } from "../program/program.ts";
import { type SamplingSettings, settingsTensor } from "./settings.ts";

/** A text to continue. */
export interface GenerationRequest {
  /** The prompt's ids, at least one. */
  prompt: ArrayLike<number>;
  /** The sequence's number in the whole run: it picks the random numbers, so that batching changes nothing. */
  sequence: number;
}

/** What a read-back brought for one request. */
export interface GenerationEvent {
  /** Index of the request in its batch. */
  index: number;
  /** Tokens since the last event; the end-of-text token is not among them. */
  tokens: Uint32Array;
  /** Set when the sequence has ended. */
  end: { reason: "eos" | "length"; score: number } | null;
}

/** A compiled model. Disposing it frees its caches, not the weights. */
export interface Generator extends Disposable {
  /** Requests in a batch at most. */
  readonly batch: number;
  /** Positions of a sequence, prompt included. */
  readonly positions: number;
  /**
   * Continues up to `batch` requests. A prompt that leaves no room is refused: see `fitPrompt`.
   * The score is the mean log-probability, in nats, of the new tokens (end-of-text included) under the untouched logits.
   */
  run(
    requests: readonly GenerationRequest[],
    settings: SamplingSettings,
    signal?: AbortSignal,
  ): AsyncGenerator<GenerationEvent>;
}

/** Prefill works in chunks of these sizes, the large one while it is filled. */
const PREFILL_CHUNKS = [128, 16];
const MAX_TOKENS_PER_READ = 32;
const READ_INTERVAL_MS = 200;

/**
 * The end of a prompt that fits: positions − maxNew tokens of it, or half of the positions where maxNew is more than that.
 * Shorter prompts come back as they are.
 */
export function fitPrompt(prompt: Uint32Array, positions: number, maxNew: number): Uint32Array {
  if (prompt.length < positions) return prompt;
  return prompt.subarray(prompt.length - Math.max(positions - maxNew, positions >> 1, 1));
}

/**
 * Compiles a model's generation programs.
 * @throws {DeviceError} where caches and weights do not fit the device.
 */
export async function createGenerator(
  device: Device,
  model: ModelTensors,
  { batch, maxNew }: { batch: number; maxNew: number },
): Promise<Generator> {
  const positions = model.config.maxPositions;
  const capacity = Math.min(maxNew, positions);
  const state = createGenerationState(model, { batch, positions, maxNew: capacity });
  const prefills = PREFILL_CHUNKS.map((size) => ({ size, ...buildPrefill(model, state, size) }));
  const decode = buildDecode(model, state);
  const programs = [...prefills.map(({ program }) => program), decode];
  const executables = await device.compile(programs);
  const decodeRun = executables[prefills.length];

  function prefill(prompts: readonly ArrayLike<number>[]): void {
    const longest = prompts.reduce((longest, { length }) => Math.max(longest, length - 1), 0);
    for (let from = 0; from < longest;) {
      const remaining = longest - from;
      const index = remaining > PREFILL_CHUNKS[1] * 2 ? 0 : 1;
      const { size, tokens, start } = prefills[index];
      const chunk = new Uint32Array(batch * size);
      prompts.forEach((prompt, b) => {
        for (let s = 0; s < size && from + s < prompt.length - 1; s++) chunk[b * size + s] = prompt[from + s];
      });
      device.write(tokens, chunk);
      device.write(start, new Uint32Array(batch).fill(from));
      executables[index].run();
      from += size;
    }
  }

  function writeState(requests: readonly GenerationRequest[], settings: SamplingSettings): void {
    const perRow = (value: (request: GenerationRequest) => number, rest: number) =>
      Uint32Array.from({ length: batch }, (_, b) => b < requests.length ? value(requests[b]) : rest);
    const { vocabSize } = model.config;
    const seen = new Uint32Array(batch * vocabSize);
    requests.forEach(({ prompt }, b) => {
      for (let i = 0; i < prompt.length; i++) seen[b * vocabSize + prompt[i]] = 1;
    });
    device.write(state.settings, settingsTensor({ ...settings, maxNew: Math.min(settings.maxNew, capacity) }));
    device.write(state.seed, Uint32Array.of(settings.seed, 0x67656e65));
    device.write(state.seen, seen);
    device.write(state.sequence, perRow(({ sequence }) => sequence, 0));
    device.write(state.tokens, perRow(({ prompt }) => prompt[prompt.length - 1], 0));
    device.write(state.position, perRow(({ prompt }) => prompt.length - 1, 0));
    device.write(state.count, new Uint32Array(batch));
    device.write(state.finished, perRow(() => 0, 2));
    device.write(state.score, new Float32Array(batch));
  }

  async function* run(
    requests: readonly GenerationRequest[],
    settings: SamplingSettings,
    signal?: AbortSignal,
  ): AsyncGenerator<GenerationEvent> {
    if (requests.length > batch) throw new RangeError(`${requests.length} requests in a batch of ${batch}`);
    for (const { prompt } of requests) checkPrompt(prompt, positions, model.config.vocabSize);
    prefill(requests.map(({ prompt }) => prompt));
    writeState(requests, settings);
    const delivered = new Uint32Array(requests.length);
    const open = new Set(requests.keys());
    let steps = 1;
    while (open.size > 0) {
      signal?.throwIfAborted();
      const started = performance.now();
      decodeRun.run(steps);
      const [count, finished, score, generated] = await device.read([
        state.count,
        state.finished,
        state.score,
        state.generated,
      ]);
      // Reads may be answered without the event loop; signals need it.
      await new Promise((resolve) => setTimeout(resolve, 0));
      const msPerStep = (performance.now() - started) / steps;
      steps = Math.max(1, Math.min(MAX_TOKENS_PER_READ, 2 * steps, Math.floor(READ_INTERVAL_MS / msPerStep)));
      for (const index of [...open]) {
        const total = count[index] - (finished[index] === 1 ? 1 : 0);
        const row = index * capacity;
        const tokens = Uint32Array.from(
          generated.subarray(row + delivered[index], row + Math.max(total, delivered[index])),
        );
        delivered[index] += tokens.length;
        const reason = finished[index] === 1 ? "eos" : "length";
        const end = finished[index] ? { reason, score: score[index] / count[index] } as const : null;
        if (end) open.delete(index);
        if (end || tokens.length > 0) yield { index, tokens, end };
      }
    }
  }

  return {
    batch,
    positions,
    run,
    [Symbol.dispose]() {
      for (const executable of executables) executable[Symbol.dispose]();
      const weights = model.weights.whole.storage;
      device.free(persistentStorages(programs).filter((storage) => storage !== weights));
    },
  };
}

function checkPrompt(prompt: ArrayLike<number>, positions: number, vocabSize: number): void {
  if (prompt.length === 0) throw new UserError("an empty prompt cannot be continued");
  if (prompt.length >= positions) {
    throw new UserError(`the prompt has ${prompt.length} tokens`, {
      expected: `fewer than the model's ${positions} positions`,
    });
  }
  for (let i = 0; i < prompt.length; i++) {
    if (prompt[i] >= vocabSize) {
      throw new UserError(`the prompt holds the id ${prompt[i]}`, {
        expected: `ids below the model's vocabulary of ${vocabSize}`,
        hint: "the tokenizer does not belong to this model",
      });
    }
  }
}

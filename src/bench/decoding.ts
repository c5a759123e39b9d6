/** Decoding one sequence, ready to be timed: every run makes a token by sampling, around the middle of the model's context. */
import type { Device, Executable } from "../device/device.ts";
import type { GptConfig } from "../model/config.ts";
import { buildDecode, createGenerationState } from "../model/generation_programs.ts";
import { createModel } from "../model/training_programs.ts";
import { persistentStorages } from "../program/program.ts";
import type { Workload } from "./measure.ts";
import { fillParameters, fillUniform } from "./operands.ts";

export interface Decoding extends Workload, Disposable {
  readonly executable: Executable;
  /** Bytes of the weights, all of which every token reads. */
  readonly weightBytes: number;
  readonly maxRuns: number;
}

/** Tokens between two returns to the first position. */
const MAX_TOKENS = 64;

/** Compiles decoding and writes weights and caches. @throws {DeviceError} where it does not fit the device */
export async function prepareDecoding(device: Device, config: GptConfig): Promise<Decoding> {
  const positions = config.maxPositions;
  // The last position ends a sequence, and an ended one does nothing.
  const maxRuns = Math.max(1, Math.min(MAX_TOKENS, (positions >> 1) - 1));
  const model = createModel(config);
  const state = createGenerationState(model, { batch: 1, positions, maxNew: maxRuns + 1 });
  const program = buildDecode(model, state);
  const [executable] = await device.compile([program]);
  fillParameters(device, model);
  for (const cache of [...state.keys, ...state.values]) fillUniform(device, cache, 1);
  // Sampling as `generate` does it by default: temperature 0.7 among the 40 likeliest, and no end but the length.
  device.write(state.settings, Float32Array.of(0, 0.7, 40, 1, 1, 0, maxRuns + 1, -1));
  return {
    executable,
    weightBytes: 4 * model.table.count,
    maxRuns,
    run(times) {
      device.write(state.position, Uint32Array.of(Math.max(0, (positions - maxRuns) >> 1)));
      device.write(state.count, Uint32Array.of(0));
      device.write(state.finished, Uint32Array.of(0));
      executable.run(times);
    },
    [Symbol.dispose]() {
      executable[Symbol.dispose]();
      device.free(persistentStorages([program]));
    },
  };
}

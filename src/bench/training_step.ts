/**
 * A whole optimizer step, ready to be timed: forward, backward, clipping and AdamW on a batch of random tokens, with weights as
 * at the start of training. The batch stays the same, and the learning rate is small, so that thousands of steps stay ordinary.
 */
import type { Device, Executable, MemoryUse } from "../device/device.ts";
import { sortTokens } from "../model/embedding_order.ts";
import { buildMicroStep, buildUpdate, createModel, createOptimizer, hyperOf } from "../model/training_programs.ts";
import type { GptConfig } from "../model/config.ts";
import { type Cost, opCost, programCost } from "../program/cost.ts";
import { persistentStorages, type Program } from "../program/program.ts";
import type { Workload } from "./measure.ts";
import { fillParameters, tokenIds } from "./operands.ts";
import { type Roofline, rooflineMs } from "./roofline.ts";

/** A model and the batch to time it with. */
export interface StepShape {
  readonly config: GptConfig;
  readonly batch: number;
  /** Tokens in a sample. */
  readonly sequence: number;
}

export interface TrainingStep extends Workload, Disposable {
  readonly programs: readonly Program[];
  readonly executables: readonly Executable[];
  readonly parameters: number;
  /** What the plan takes on the device. */
  readonly memory: MemoryUse;
  readonly cost: Cost;
}

const ADAM_W = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, maxNorm: 1 };
const LEARNING_RATE = 1e-5;

/** The programs of a training step, not yet on a device. */
export function stepPrograms({ config, batch, sequence }: StepShape) {
  const model = createModel(config);
  const optimizer = createOptimizer(model.table);
  const micro = buildMicroStep(model, optimizer, { batch, sequence }, 1);
  const update = buildUpdate(model, optimizer, ADAM_W);
  return { model, micro, update, programs: [micro.program, update.program] as const };
}

/**
 * Compiles a training step and writes its weights and tokens.
 * @throws {DeviceError} where it does not fit the device
 */
export async function prepareTrainingStep(device: Device, shape: StepShape): Promise<TrainingStep> {
  const { model, micro, update, programs } = stepPrograms(shape);
  const memory = device.estimate(programs);
  const executables = await device.compile(programs);
  fillParameters(device, model);
  const count = shape.batch * shape.sequence;
  const tokens = tokenIds(count, shape.config.vocabSize);
  const { order, starts } = sortTokens(tokens);
  device.write(micro.tokens, tokens);
  device.write(micro.targets, tokens.toReversed());
  device.write(micro.order, order);
  device.write(micro.starts, starts);
  device.write(update.hyper, hyperOf(1, LEARNING_RATE, 0.1, ADAM_W));
  const costs = programs.map(programCost);
  return {
    programs,
    executables,
    memory,
    parameters: model.table.count,
    cost: {
      flops: costs.reduce((sum, { flops }) => sum + flops, 0),
      bytes: costs.reduce((sum, { bytes }) => sum + bytes, 0),
    },
    run(times) {
      for (let i = 0; i < times; i++) for (const executable of executables) executable.run();
    },
    [Symbol.dispose]() {
      for (const executable of executables) executable[Symbol.dispose]();
      device.free(persistentStorages(programs));
    },
  };
}

/** The least time that the roofline allows for Programs, op by op, in ms. */
export function leastMs(programs: readonly Program[], roofline: Roofline): number {
  return programs.flatMap(({ ops }) => ops).reduce((sum, op) => sum + rooflineMs(opCost(op), roofline), 0);
}

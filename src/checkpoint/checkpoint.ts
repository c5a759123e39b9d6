/**
 * A checkpoint is a Hugging Face GPT-2 directory: config.json, model.safetensors (names and [in, out] layouts of GPT2LMHeadModel,
 * tied output, so no lm_head) and the tokenizer's files. A training run adds optimizer.safetensors (`moment1.<name>`,
 * `moment2.<name>`) and trainer_state.json. The directory is written beside its final name and renamed when whole.
 */
import * as v from "valibot";
import type { Device } from "../device/device.ts";
import { FormatError, UserError } from "../errors.ts";
import { partialName, reason } from "../files.ts";
import type { Arena, ParameterTable } from "../model/parameters.ts";
import type { ModelTensors, OptimizerTensors } from "../model/training_programs.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { elementCount, type Tensor } from "../program/tensor.ts";
import { configToJson } from "./config_json.ts";
import { readSafetensors, type SafetensorsFile, type TensorToWrite, writeSafetensors } from "./safetensors.ts";

const stateSchema = v.object({
  format: v.literal("codekiln-trainer-1"),
  /** Optimizer steps done. */
  step: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  /** What the numbers of the run depend on; a resumed run must have the same. */
  run: v.record(v.string(), v.union([v.string(), v.number(), v.null()])),
});

/** trainer_state.json. */
export type TrainerState = v.InferOutput<typeof stateSchema>;

export interface CheckpointContents {
  device: Device;
  model: ModelTensors;
  tokenizer: Tokenizer | null;
  /** Present in checkpoints that a run can resume from. */
  training: { optimizer: OptimizerTensors; state: TrainerState } | null;
}

const WEIGHTS = "model.safetensors";
const OPTIMIZER = "optimizer.safetensors";
const STATE = "trainer_state.json";

/** Most elements that are read from the device at a time: 64 MiB. */
const CHUNK_ELEMENTS = 1 << 24;

/**
 * Writes a checkpoint. An older one of the same name is replaced only when the new one is whole.
 * @throws {CodekilnError} where it cannot be written; nothing is left under the final name then.
 */
export async function saveCheckpoint(directory: string, contents: CheckpointContents): Promise<void> {
  const { device, model, tokenizer, training } = contents;
  const partial = partialName(directory);
  await removeDirectory(partial);
  await Deno.mkdir(partial, { recursive: true });
  try {
    await Deno.writeTextFile(`${partial}/config.json`, configToJson(model.config));
    const weights = tensorsOf(device, model.table, model.weights, "");
    await writeSafetensors(`${partial}/${WEIGHTS}`, weights, { format: "pt" });
    await tokenizer?.save(partial);
    if (training) {
      const { moment1, moment2 } = training.optimizer;
      await writeSafetensors(`${partial}/${OPTIMIZER}`, [
        ...tensorsOf(device, model.table, moment1, "moment1."),
        ...tensorsOf(device, model.table, moment2, "moment2."),
      ]);
      await Deno.writeTextFile(`${partial}/${STATE}`, JSON.stringify(training.state, null, 2) + "\n");
    }
    await replaceDirectory(partial, directory);
  } catch (error) {
    await removeDirectory(partial);
    throw error;
  }
}

async function removeDirectory(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function replaceDirectory(from: string, to: string): Promise<void> {
  const old = `${to}.old`;
  await removeDirectory(old);
  try {
    await Deno.rename(to, old);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  await Deno.rename(from, to);
  await removeDirectory(old);
}

function tensorsOf(device: Device, table: ParameterTable, arena: Arena, prefix: string): TensorToWrite[] {
  return table.parameters.map(({ name, shape }) => ({
    name: prefix + name,
    shape,
    dtype: "F32",
    data: readInChunks(device, arena.of(name)),
  }));
}

/** Consecutive flat pieces of a tensor. */
function* pieces(tensor: Tensor): Generator<{ piece: Tensor; first: number }> {
  const total = elementCount(tensor.shape);
  for (let first = 0; first < total; first += CHUNK_ELEMENTS) {
    const count = Math.min(CHUNK_ELEMENTS, total - first);
    yield { piece: { ...tensor, shape: [count], offset: tensor.offset + first }, first };
  }
}

async function* readInChunks(device: Device, tensor: Tensor): AsyncGenerator<Float32Array> {
  for (const { piece } of pieces(tensor)) {
    const [data] = await device.read([piece]);
    if (!(data instanceof Float32Array)) throw new TypeError(`${tensor.name} is not f32`);
    yield data;
  }
}

/**
 * Names in a file → names in the parameter table. Directories written by other programs may put `transformer.` before every name
 * and keep the attention masks and the tied output beside the weights.
 */
function tableName(name: string): string | null {
  const bare = name.replace(/^transformer\./, "");
  if (bare === "lm_head.weight" || /^h\.\d+\.attn\.(masked_)?bias$/.test(bare)) return null;
  return bare;
}

/**
 * Writes a checkpoint's weights to a device.
 * @throws {UserError} where there are none; {FormatError} where a tensor is missing, unknown or of another shape, or the file is damaged.
 */
export function loadWeights(directory: string, device: Device, model: ModelTensors): void {
  using file = readSafetensors(`${directory}/${WEIGHTS}`);
  loadArena(file, device, model.table, model.weights, tableName);
}

/** Writes a checkpoint's optimizer moments to a device. @throws as loadWeights does. */
export function loadOptimizer(directory: string, device: Device, { table }: ModelTensors, to: OptimizerTensors): void {
  using file = readSafetensors(`${directory}/${OPTIMIZER}`);
  for (
    const [prefix, other, arena] of [
      ["moment1.", "moment2.", to.moment1],
      ["moment2.", "moment1.", to.moment2],
    ] as const
  ) {
    loadArena(file, device, table, arena, (name) => {
      if (name.startsWith(other)) return null;
      return name.startsWith(prefix) ? name.slice(prefix.length) : name;
    });
  }
}

function loadArena(
  file: SafetensorsFile,
  device: Device,
  table: ParameterTable,
  arena: Arena,
  nameOf: (name: string) => string | null,
): void {
  const found = new Map<string, string>();
  for (const name of file.header.tensors.keys()) {
    const bare = nameOf(name);
    if (bare === null) continue;
    if (!table.parameters.some((parameter) => parameter.name === bare)) {
      throw new FormatError(`the tensor ${JSON.stringify(name)} does not belong to a model of this configuration`, {
        where: file.path,
      });
    }
    if (found.has(bare)) {
      throw new FormatError(`the tensors ${found.get(bare)} and ${name} are one parameter`, { where: file.path });
    }
    found.set(bare, name);
  }
  for (const { name, shape } of table.parameters) {
    const stored = found.get(name);
    const info = stored === undefined ? undefined : file.header.tensors.get(stored);
    if (stored === undefined || !info) throw new FormatError(`the tensor ${name} is missing`, { where: file.path });
    if (info.shape.length !== shape.length || info.shape.some((size, axis) => size !== shape[axis])) {
      throw new FormatError(`the tensor ${stored} has the shape [${info.shape}]`, {
        where: file.path,
        expected: `[${shape}], from config.json`,
      });
    }
    for (const { piece, first } of pieces(arena.of(name))) {
      const values = new Float32Array(piece.shape[0]);
      file.readInto(stored, values, first);
      device.write(piece, values);
    }
  }
}

/**
 * Reads trainer_state.json.
 * @throws {UserError} where the checkpoint has none; {FormatError} where it is damaged.
 */
export function readTrainerState(directory: string): TrainerState {
  const path = `${directory}/${STATE}`;
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (cause) {
    throw new UserError(`cannot resume: ${reason(cause)}`, { where: path, cause });
  }
  try {
    return v.parse(stateSchema, JSON.parse(text));
  } catch (cause) {
    throw new FormatError(`not a trainer's state: ${reason(cause)}`, { where: path, cause });
  }
}

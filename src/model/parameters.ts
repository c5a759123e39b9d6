/**
 * The parameter table: one ordered list of {name, shape, offset, decay} for everything that is trained. Names and layouts are
 * those of a Hugging Face GPT-2 directory (Conv1D weights are [in, out]). Gradients and moments use the same offsets in arenas
 * of their own. Tensors with weight decay come first in the arena, so that AdamW works on two ranges.
 */
import { normal } from "../program/random.ts";
import { alignUp, elementCount, type Storage, type Tensor } from "../program/tensor.ts";
import type { GptConfig } from "./config.ts";

export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  /** First element in each arena. */
  readonly offset: number;
  /** Whether weight decay acts: on every tensor that is neither bias nor layer norm. */
  readonly decay: boolean;
}

export interface ParameterTable {
  readonly parameters: readonly Parameter[];
  /** Number of trained values, padding not counted. */
  readonly count: number;
  /** Elements of an arena up to which weight decay acts. */
  readonly decayElements: number;
  /** Elements of an arena. */
  readonly elements: number;
}

function namesAndShapes(config: GptConfig): [name: string, shape: number[]][] {
  const { hiddenSize: width } = config;
  const list: [string, number[]][] = [["wte.weight", [config.vocabSize, width]], ["wpe.weight", [
    config.maxPositions,
    width,
  ]]];
  for (let layer = 0; layer < config.layers; layer++) {
    const linear = (name: string, inputs: number, outputs: number): [string, number[]][] => [
      [`h.${layer}.${name}.weight`, [inputs, outputs]],
      [`h.${layer}.${name}.bias`, [outputs]],
    ];
    const norm = (name: string): [string, number[]][] => [
      [`h.${layer}.${name}.weight`, [width]],
      [`h.${layer}.${name}.bias`, [width]],
    ];
    list.push(
      ...norm("ln_1"),
      ...linear("attn.c_attn", width, 3 * width),
      ...linear("attn.c_proj", width, width),
      ...norm("ln_2"),
      ...linear("mlp.c_fc", width, 4 * width),
      ...linear("mlp.c_proj", 4 * width, width),
    );
  }
  list.push(["ln_f.weight", [width]], ["ln_f.bias", [width]]);
  return list;
}

/** The parameter table of a model. */
export function parameterTable(config: GptConfig): ParameterTable {
  const entries = namesAndShapes(config).map(([name, shape]) => ({ name, shape, decay: shape.length > 1 }));
  const offsets = new Map<string, number>();
  let elements = 0;
  let decayElements = 0;
  for (const decay of [true, false]) {
    for (const entry of entries) {
      if (entry.decay !== decay) continue;
      offsets.set(entry.name, elements);
      elements += alignUp(elementCount(entry.shape));
    }
    if (decay) decayElements = elements;
  }
  return {
    parameters: entries.map((entry) => ({ ...entry, offset: offsets.get(entry.name) ?? 0 })),
    count: entries.reduce((sum, { shape }) => sum + elementCount(shape), 0),
    decayElements,
    elements,
  };
}

/** One value per parameter on the device: weights, gradients or a moment. */
export interface Arena {
  /** The arena as a flat tensor, padding (always zero) included. */
  readonly whole: Tensor;
  /** The parameter's tensor in this arena. */
  of(name: string): Tensor;
}

/** Lays out an arena for a table; `name` is `parameters`, `gradients`, `moment1` or `moment2`. */
export function createArena(table: ParameterTable, name: string): Arena {
  const cuts = table.parameters.map(({ offset }) => offset).sort((a, b) => a - b);
  const storage: Storage = { name, dtype: "f32", elements: table.elements, lifetime: "persistent", cuts };
  const prefix = name === "parameters" ? "" : `${name}.`;
  const byName = new Map(
    table.parameters.map(({ name, shape, offset }): [string, Tensor] => [
      name,
      { name: prefix + name, dtype: "f32", shape, storage, offset },
    ]),
  );
  return {
    whole: { name, dtype: "f32", shape: [table.elements], storage, offset: 0 },
    of(name) {
      const tensor = byName.get(name);
      if (!tensor) throw new RangeError(`the model has no parameter ${name}`);
      return tensor;
    },
  };
}

/** A range of a flat arena as a tensor. */
export function arenaRange(arena: Arena, start: number, end: number): Tensor {
  const { whole } = arena;
  return { ...whole, name: `${whole.name}[${start}:${end}]`, shape: [end - start], offset: start };
}

/**
 * Initial values of one parameter: zeros for biases, ones for norm weights, else normal with the config's standard deviation,
 * divided by √(2·layers) for the two projections back into the residual stream (Radford et al. 2019, section 2.3).
 * The same seed gives the same values, whatever the order of calls.
 */
export function initialValues(config: GptConfig, parameter: Parameter, seed: number): Float32Array {
  const values = new Float32Array(elementCount(parameter.shape));
  if (!parameter.decay) return parameter.name.endsWith(".weight") ? values.fill(1) : values;
  const residual = parameter.name.endsWith("c_proj.weight");
  const deviation = config.initializerRange / (residual ? Math.sqrt(2 * config.layers) : 1);
  let stream = 0;
  for (const char of parameter.name) stream = (Math.imul(stream, 31) + char.charCodeAt(0)) >>> 0;
  for (let i = 0; i < values.length; i++) values[i] = deviation * normal(seed, stream, i, 0);
  return values;
}

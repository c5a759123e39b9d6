/**
 * Operands for timing an op outside of a model: storages of its own, filled with numbers as they occur in training. What an op
 * multiplies in place at every run stays zero, because repeated runs would make it subnormal, which processors compute slowly.
 */
import type { Device } from "../device/device.ts";
import { sortTokens } from "../model/embedding_order.ts";
import type { ModelTensors } from "../model/training_programs.ts";
import { type Op, operands } from "../program/op.ts";
import { elementCount, persistent, type Tensor } from "../program/tensor.ts";

/** Values that are written over and over; a prime number of them, so that the rows of a matrix differ. */
const PATTERN_LENGTH = 65521;

/** Fills an f32 tensor with values spread between −scale and scale. */
export function fillUniform(device: Device, tensor: Tensor, scale: number): void {
  const total = elementCount(tensor.shape);
  let state = 1;
  const values = Float32Array.from({ length: Math.min(total, PATTERN_LENGTH) }, () => {
    // A linear congruential generator; the constants are those of Numerical Recipes.
    state = Math.imul(state, 1664525) + 1013904223 >>> 0;
    return scale * (state / 2 ** 31 - 1);
  });
  for (let at = 0; at < total; at += values.length) device.write(tensor, values.subarray(0, total - at), at);
}

/** Fills a model's weights as for training: matrices spread around zero, norms' weights 1, biases 0. */
export function fillParameters(device: Device, { config, table, weights }: ModelTensors): void {
  for (const { name, decay } of table.parameters) {
    const tensor = weights.of(name);
    if (decay) fillUniform(device, tensor, config.initializerRange * Math.sqrt(3));
    else if (name.endsWith(".weight")) device.write(tensor, new Float32Array(elementCount(tensor.shape)).fill(1));
  }
}

/** Token ids spread over a vocabulary. */
export function tokenIds(count: number, vocabSize: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, i) => (Math.imul(i + 1, 2654435761) >>> 0) % vocabSize);
}

/** Flat tensors may be cut here, where a device's buffers are small. */
const CUT_ELEMENTS = 1 << 22;

function ownTensor(name: string, { shape, dtype }: Tensor): Tensor {
  const made = persistent(`bench.${name}`, shape, dtype);
  if (shape.length > 1 || shape[0] <= CUT_ELEMENTS) return made;
  const cuts = Array.from({ length: Math.ceil(shape[0] / CUT_ELEMENTS) - 1 }, (_, i) => (i + 1) * CUT_ELEMENTS);
  return { ...made, storage: { ...made.storage, cuts } };
}

/** The same op on persistent tensors that nothing else uses. */
export function withOwnOperands(op: Op): Op {
  const own = new Map<Tensor, Tensor>();
  const replace = (name: string, tensor: Tensor): Tensor => {
    const known = own.get(tensor);
    if (known) return known;
    const made = ownTensor(name, tensor);
    own.set(tensor, made);
    return made;
  };
  const changed: Record<string, unknown> = { ...op };
  for (const [name, tensor] of operands(op)) {
    if (Reflect.get(op, name) === tensor) changed[name] = replace(name, tensor);
    else if ("dropout" in op && op.dropout) changed.dropout = { ...op.dropout, seed: replace(name, tensor) };
  }
  // Only tensors have been replaced, by others of the same shape.
  return changed as unknown as Op;
}

/** Operands that start as zeros: they are scaled in place, or zero is what they are in training. */
const ZEROS: Readonly<Partial<Record<Op["kind"], readonly string[]>>> = {
  geluBackward: ["gradient"],
  adamW: ["gradients", "moment1", "moment2"],
};

/** Fills the operands of `withOwnOperands`. */
export function fillOperands(device: Device, op: Op): void {
  for (const [name, tensor] of operands(op)) {
    if (tensor.dtype === "f32" && !ZEROS[op.kind]?.includes(name)) fillUniform(device, tensor, 1);
  }
  if (op.kind === "embedding") {
    device.write(op.tokens, tokenIds(elementCount(op.tokens.shape), op.wte.shape[0]));
  } else if (op.kind === "embeddingBackward") {
    const tokens = tokenIds(elementCount(op.tokens.shape), op.dwte.shape[0]);
    const { order, starts } = sortTokens(tokens);
    device.write(op.tokens, tokens);
    device.write(op.order, order);
    device.write(op.starts, starts);
  } else if (op.kind === "cachedAttention" || op.kind === "cacheAppend") {
    // The last rows of a full cache: the cost model counts all positions.
    const [batch, , positions] = op.keys.shape;
    const start = Math.max(0, positions - op.qkv.shape[0] / batch);
    device.write(op.start, new Uint32Array(batch).fill(start));
  } else if (op.kind === "crossEntropy") {
    device.write(op.targets, tokenIds(elementCount(op.targets.shape), op.logits.shape[1]));
  }
}

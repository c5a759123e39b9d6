/** A compiled Program on WebGPU: a list of pipelines, bind groups and grids, replayed in one compute pass a submit. */
import { DeviceError } from "../../errors.ts";
import { opCost } from "../../program/cost.ts";
import type { Op } from "../../program/op.ts";
import type { MemoryPlan } from "../../program/planner.ts";
import type { Program } from "../../program/program.ts";
import { ALIGNMENT, describe, elementCount } from "../../program/tensor.ts";
import type { AdapterTraits, Binding, Dispatch } from "./kernel.ts";
import type { Pipelines } from "./pipelines.ts";
import { dispatchesOf } from "./registry.ts";
import type { Storages } from "./storages.ts";

/** One dispatch, ready to be recorded. */
export interface Step {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
  /** Floating-point operations, so that a submit can be kept short. */
  readonly flops: number;
}

/** What steps are made from. */
export interface Context {
  readonly device: GPUDevice;
  readonly traits: AdapterTraits;
  readonly storages: Storages;
  readonly pipelines: Pipelines;
}

export interface Steps extends Disposable {
  readonly list: readonly Step[];
}

/** Where a Program's activations lie. */
export interface Places {
  readonly plan: MemoryPlan;
  readonly heaps: readonly GPUBuffer[];
}

/** Bytes between the words of two dispatches: the alignment of bindings. */
const WORDS_STRIDE = 256;

/** Makes a Program's steps: synchronous, so that the caller can hold error scopes around it. */
export function createSteps(program: Program, places: Places, context: Context): Steps {
  const dispatches = program.ops.flatMap((op, index) => {
    const list = dispatchesOf(op, context.traits);
    const flops = opCost(op).flops / list.length;
    return list.map((dispatch) => ({ op, index, dispatch, flops }));
  });
  const words = placeWords(dispatches.map(({ dispatch }) => dispatch), context.device);
  try {
    const list = dispatches.map(({ op, index, dispatch, flops }): Step => {
      checkGrid(dispatch, op, context.traits);
      const { pipeline, layout } = context.pipelines.get(dispatch);
      const entries = dispatch.bindings.map((binding, i): GPUBindGroupEntry => {
        const resource = resolve(binding, index, places, context);
        if (resource.size > context.traits.maxBindingBytes) {
          throw new DeviceError(`binding ${i} of ${dispatch.label} takes ${resource.size} bytes`, {
            expected: `at most ${context.traits.maxBindingBytes} bytes on this adapter`,
          });
        }
        return { binding: i, resource };
      });
      const own = words.of(dispatch);
      if (own) entries.push({ binding: entries.length, resource: own });
      const group = context.device.createBindGroup({ label: dispatch.label, layout, entries });
      return { pipeline, group, workgroups: dispatch.workgroups, flops };
    });
    return { list, [Symbol.dispose]: words.destroy };
  } catch (error) {
    words.destroy();
    throw error;
  }
}

/** Writes the words of all dispatches into one buffer. */
function placeWords(dispatches: readonly Dispatch[], device: GPUDevice) {
  const offsets = new Map<Dispatch, number>();
  for (const dispatch of dispatches) if (dispatch.words) offsets.set(dispatch, offsets.size * WORDS_STRIDE);
  if (offsets.size === 0) return { of: () => undefined, destroy() {} };
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
  const buffer = device.createBuffer({ label: "words", size: offsets.size * WORDS_STRIDE, usage });
  const data = new Uint32Array(offsets.size * WORDS_STRIDE / 4);
  for (const [{ words = [] }, offset] of offsets) data.set(words, offset / 4);
  device.queue.writeBuffer(buffer, 0, data);
  return {
    of(dispatch: Dispatch): GPUBufferBinding | undefined {
      const offset = offsets.get(dispatch);
      return offset === undefined ? undefined : { buffer, offset, size: WORDS_STRIDE };
    },
    destroy: () => buffer.destroy(),
  };
}

function checkGrid({ label, workgroups }: Dispatch, op: Op, traits: AdapterTraits): void {
  if (workgroups.every((count) => count >= 1 && count <= traits.maxWorkgroupsPerDimension)) return;
  throw new DeviceError(`${label} (${op.kind}) asks for a grid of [${workgroups}] workgroups`, {
    expected: `1 to ${traits.maxWorkgroupsPerDimension} in each dimension`,
  });
}

/** A binding as a range of a buffer. */
function resolve(
  { of, offset = 0, elements }: Binding,
  index: number,
  { plan, heaps }: Places,
  { storages }: Context,
): { buffer: GPUBuffer; offset: number; size: number } {
  if (of === "scratch") {
    const place = plan.scratch.get(index);
    if (!place || elements === undefined) {
      throw new DeviceError("a kernel binds scratch memory that it did not ask for");
    }
    return { buffer: heaps[place.heap], offset: (place.offset + offset) * 4, size: elements * 4 };
  }
  const count = elements ?? elementCount(of.shape) - offset;
  if ((of.offset + offset) % ALIGNMENT !== 0) {
    throw new DeviceError(`${describe(of)} is bound at element ${of.offset + offset}`, {
      expected: `a multiple of ${ALIGNMENT}`,
    });
  }
  if (of.storage.lifetime === "activation") {
    const place = plan.places.get(of.storage);
    if (!place) throw new DeviceError(`${describe(of)} has no place in the memory plan`);
    return { buffer: heaps[place.heap], offset: (place.offset + of.offset + offset) * 4, size: count * 4 };
  }
  const pieces = storages.locate(of, offset, count);
  if (pieces.length !== 1) {
    throw new DeviceError(`a binding of ${describe(of)} reaches across ${pieces.length} buffers`);
  }
  return { buffer: pieces[0].buffer, offset: pieces[0].byteOffset, size: count * 4 };
}

/** A submit ends beyond these, so that command buffers stay small and drivers' watchdogs quiet. */
const MAX_DISPATCHES_PER_SUBMIT = 2048;
const MAX_FLOPS_PER_SUBMIT = 1e12;

/** Records and submits the steps `times` times over. */
export function replay(device: GPUDevice, label: string, steps: readonly Step[], times: number): void {
  const total = steps.length * times;
  for (let at = 0; at < total;) {
    const encoder = device.createCommandEncoder({ label });
    const pass = encoder.beginComputePass({ label });
    let flops = 0;
    for (let n = 0; n < MAX_DISPATCHES_PER_SUBMIT && at < total && flops < MAX_FLOPS_PER_SUBMIT; n++, at++) {
      const step = steps[at % steps.length];
      pass.setPipeline(step.pipeline);
      pass.setBindGroup(0, step.group);
      pass.dispatchWorkgroups(...step.workgroups);
      flops += step.flops;
    }
    pass.end();
    device.queue.submit([encoder.finish()]);
  }
}

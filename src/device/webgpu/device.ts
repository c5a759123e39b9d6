/**
 * The WebGPU device. Programs are compiled into lists of dispatches over fixed buffers; a run records them into one pass and
 * submits it, with no allocation and no read-back. WebGPU orders dispatches of a pass and makes their writes visible.
 */
import { DeviceError } from "../../errors.ts";
import { type MemoryPlan, planMemory } from "../../program/planner.ts";
import { persistentStorages, type Program } from "../../program/program.ts";
import { describe, elementCount, type Storage, type Tensor } from "../../program/tensor.ts";
import type { Device, Executable, HostArray, MemoryUse } from "../device.ts";
import { adapterName, adapterTraits, requestAdapter, requestDevice } from "./adapter.ts";
import { type Context, createSteps, replay, type Steps } from "./executable.ts";
import { collectFaults } from "./faults.ts";
import { createHeaps } from "./heaps.ts";
import type { AdapterTraits } from "./kernel.ts";
import { createPipelines } from "./pipelines.ts";
import { type Copy, createReadback } from "./readback.ts";
import { scratchOf } from "./registry.ts";
import { createStorages } from "./storages.ts";

export interface WebGpuOptions {
  /** Treats the adapter as if its limits were these, where they are smaller than its own. */
  maxBindingBytes?: number;
  maxBufferBytes?: number;
  maxWorkgroupsPerDimension?: number;
  /** Takes the kernels for software adapters, or for GPUs, whatever the adapter is. */
  software?: boolean;
  /** Always reads by awaiting the mapping of a buffer (11 ms in Deno). */
  awaitedReads?: boolean;
}

/** The WebGPU device, with what only it has. */
export interface WebGpuDevice extends Device {
  readonly kind: "webgpu";
  /** A processor that pretends to be a GPU. */
  readonly software: boolean;
  readonly gpu: GPUDevice;
}

const WRITE_CHUNK_BYTES = 32 * 1024 * 1024;
const MEMORY_HINT = "use a smaller micro batch, a shorter sequence or a smaller model";

/** Memory that a software adapter may still take; Infinity where the system does not say. */
function availableBytes(): number {
  try {
    return Deno.systemMemoryInfo().available;
  } catch {
    return Infinity;
  }
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`;
}

function describeUse({ persistentBytes, activationBytes }: MemoryUse): string {
  return `${megabytes(persistentBytes)} for parameters and other lasting tensors and ` +
    `${megabytes(activationBytes)} for activations`;
}

function limitTraits(own: AdapterTraits, options: WebGpuOptions): AdapterTraits {
  const smaller = (name: "maxBindingBytes" | "maxBufferBytes" | "maxWorkgroupsPerDimension") =>
    Math.min(own[name], options[name] ?? Infinity);
  return {
    ...own,
    maxBindingBytes: smaller("maxBindingBytes"),
    maxBufferBytes: smaller("maxBufferBytes"),
    maxWorkgroupsPerDimension: smaller("maxWorkgroupsPerDimension"),
    software: options.software ?? own.software,
  };
}

/**
 * Opens the WebGPU adapter that the environment offers.
 * @throws {DeviceError} where there is none, or it cannot be opened.
 */
export async function openWebGpuDevice(options: WebGpuOptions = {}): Promise<WebGpuDevice> {
  const adapter = await requestAdapter();
  const device = await requestDevice(adapter);
  const faults = collectFaults(device);
  const traits = limitTraits(adapterTraits(adapter, device), options);
  const storages = createStorages(device, traits.maxBufferBytes);
  const heaps = createHeaps(device);
  const pipelines = createPipelines(device);
  const readback = createReadback(device, { awaited: options.awaitedReads });
  const context: Context = { device, traits, storages, pipelines };
  const name = adapterName(adapter);
  const software = adapter.info.isFallbackAdapter;
  let longReads = 0;

  const planOf = (program: Program): MemoryPlan =>
    planMemory(program, {
      scratch: (op) => scratchOf(op, traits),
      maxHeapElements: Math.floor(traits.maxBufferBytes / 4),
    });
  const heapSizes = (plans: readonly MemoryPlan[]): number[] => {
    const sizes: number[] = [];
    for (const plan of plans) plan.heaps.forEach((size, i) => sizes[i] = Math.max(sizes[i] ?? 0, size));
    return sizes;
  };
  const memoryUse = (programs: readonly Program[], plans: readonly MemoryPlan[]): MemoryUse => ({
    persistentBytes: storages.missingBytes(persistentStorages(programs)),
    activationBytes: heaps.missingBytes(heapSizes(plans)),
  });

  /** Refuses calls that would change what a read in several parts has not copied yet. */
  const refuseDuringRead = (call: string) => {
    if (longReads > 0) {
      throw new DeviceError(`${call} was called during a large read`, { hint: "await the read first" });
    }
  };

  const check = (call: string) => {
    faults.check();
    refuseDuringRead(call);
  };

  const refuseOversized = (use: MemoryUse) => {
    const available = software ? availableBytes() : Infinity;
    if (use.persistentBytes + use.activationBytes <= available) return;
    throw new DeviceError(`the plan needs ${describeUse(use)}`, {
      where: name,
      expected: `at most ${megabytes(available)}, the memory available`,
      hint: MEMORY_HINT,
    });
  };

  const ensure = (tensor: Tensor) => {
    if (tensor.storage.lifetime !== "persistent") {
      throw new DeviceError(`${describe(tensor)} lives only within a run`, { expected: "a persistent tensor" });
    }
    if (!storages.has(tensor.storage)) {
      faults.watch(`allocating ${describe(tensor)}`, () => storages.ensure(tensor.storage));
    }
  };

  const createExecutable = (
    program: Program,
    steps: Steps,
    used: readonly GPUBuffer[],
  ): Executable => {
    const needed = persistentStorages([program]).map((storage) => ({
      storage,
      allocation: storages.allocation(storage),
    }));
    let disposed = false;
    return {
      program,
      run(times = 1) {
        check("run");
        if (disposed) throw new DeviceError(`${program.name} has been disposed of`);
        const freed = needed.find(({ storage, allocation }) => storages.allocation(storage) !== allocation);
        if (freed) throw new DeviceError(`${program.name} uses ${freed.storage.name}, which has been freed`);
        faults.watch(`running ${program.name}`, () => replay(device, program.name, steps.list, times));
      },
      [Symbol.dispose]() {
        if (disposed) return;
        disposed = true;
        steps[Symbol.dispose]();
        heaps.release(used);
      },
    };
  };

  return {
    kind: "webgpu",
    name,
    software,
    gpu: device,

    async compile(programs) {
      check("compile");
      const plans = programs.map(planOf);
      const use = memoryUse(programs, plans);
      refuseOversized(use);
      const added = persistentStorages(programs).filter((storage) => !storages.has(storage));
      const sizes = heapSizes(plans);
      const acquired: GPUBuffer[][] = [];
      const made: Steps[] = [];
      try {
        const executables = await faults.guard(`compiling a plan of ${describeUse(use)}`, () => {
          for (const storage of added) storages.ensure(storage);
          return programs.map((program, i) => {
            // Each executable counts as a user of all heaps, so that they stay as long as any of this call lives.
            const used = heaps.acquire(sizes);
            acquired.push(used);
            const steps = createSteps(program, { plan: plans[i], heaps: used }, context);
            made.push(steps);
            return { program, used, steps };
          });
        });
        pipelines.keep();
        return executables.map(({ program, steps, used }) => createExecutable(program, steps, used));
      } catch (error) {
        pipelines.drop();
        for (const steps of made) steps[Symbol.dispose]();
        for (const used of acquired) heaps.release(used);
        for (const storage of added) storages.free(storage);
        throw error;
      }
    },

    estimate(programs) {
      faults.check();
      return memoryUse(programs, programs.map(planOf));
    },

    write(tensor, data, elementOffset = 0) {
      check("write");
      if ((tensor.dtype === "f32") !== (data instanceof Float32Array)) {
        throw new DeviceError(`${describe(tensor)} is written from a ${data.constructor.name}`);
      }
      ensure(tensor);
      const pieces = storages.locate(tensor, elementOffset, data.length);
      faults.watch(`writing ${describe(tensor)}`, () => {
        for (const { buffer, byteOffset, first, elements } of pieces) {
          for (let at = 0; at < elements * 4; at += WRITE_CHUNK_BYTES) {
            const bytes = Math.min(WRITE_CHUNK_BYTES, elements * 4 - at);
            const source = new Uint8Array(data.buffer, data.byteOffset + first * 4 + at, bytes);
            device.queue.writeBuffer(buffer, byteOffset + at, source as Uint8Array<ArrayBuffer>);
            // Hands the copy over at once, so that its staging memory can go early.
            if (bytes === WRITE_CHUNK_BYTES) device.queue.submit([]);
          }
        }
      });
    },

    async read(tensors) {
      faults.check();
      const copies: Copy[] = [];
      const results: HostArray[] = [];
      for (const tensor of tensors) {
        ensure(tensor);
        const count = elementCount(tensor.shape);
        const result = tensor.dtype === "f32" ? new Float32Array(count) : new Uint32Array(count);
        results.push(result);
        for (const piece of storages.locate(tensor, 0, count)) {
          copies.push({ piece, target: result.subarray(piece.first, piece.first + piece.elements) });
        }
      }
      const bytes = results.reduce((sum, { byteLength }) => sum + byteLength, 0);
      const isLong = !readback.isSnapshot(bytes);
      if (isLong) longReads++;
      try {
        await faults.watch("reading", () => readback.read(copies));
      } catch (cause) {
        // The news of a lost device may come a moment after the failures it causes.
        await new Promise((resolve) => setTimeout(resolve, 20));
        faults.check();
        throw new DeviceError(`reading failed: ${String(cause)}`, { cause });
      } finally {
        if (isLong) longReads--;
      }
      faults.check();
      return results;
    },

    free(list: readonly Storage[]) {
      refuseDuringRead("free");
      for (const storage of list) storages.free(storage);
    },

    [Symbol.asyncDispose]() {
      faults.close();
      readback.destroy();
      heaps.destroy();
      storages.freeAll();
      device.destroy();
      return Promise.resolve();
    },
  };
}

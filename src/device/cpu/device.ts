/**
 * The CPU device: WASM kernels on one shared memory, and threads that walk compiled Programs together. `run` hands a command
 * over and returns; the main thread only waits where it reads.
 */
import os from "node:os";
import { WORKER_SCRATCH_BYTES } from "../../../kernels/cpu/control.ts";
import { DeviceError } from "../../errors.ts";
import { type MemoryPlan, planMemory } from "../../program/planner.ts";
import { persistentStorages, type Program } from "../../program/program.ts";
import { describe, elementCount, type Tensor } from "../../program/tensor.ts";
import type { Device, Executable, HostArray, MemoryUse } from "../device.ts";
import type { BlasLibrary } from "./blas.ts";
import { writeCalls } from "./calls.ts";
import type { CpuTraits } from "./kernel.ts";
import { isWideEngine } from "./engine.ts";
import { MAX_THREADS } from "./max_threads.ts";
import { createMemory } from "./memory.ts";
import { compileModule } from "./module.ts";
import { createQueue, STAGED_BYTES } from "./queue.ts";
import { scratchOf } from "./registry.ts";
import { createHeaps, createStorages, type Heap } from "./storages.ts";
import { startWorkers } from "./worker.ts";

export interface CpuOptions {
  /** Worker threads; default: as many as the system lets run at once. */
  threads?: number;
  /** A system BLAS that takes the large matrix products; default none. */
  blas?: BlasLibrary | null;
  /** Does without fused multiply-adds. */
  plainSimd?: boolean;
  /** Whether the engine fuses vectors to 256 bits; default as the process was started (engine.ts). Results do not depend on it. */
  wide?: boolean;
}

export interface CpuDevice extends Device {
  readonly kind: "cpu";
  readonly threads: number;
}

function memoryHint({ persistentBytes }: MemoryUse, most: number): string {
  return persistentBytes > most
    ? "a smaller micro batch does not help here: use a smaller model, or a GPU"
    : "use a smaller micro batch, a shorter sequence or a smaller model";
}

/** Memory that the system can still give; Infinity where it does not say. */
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

/**
 * Opens the CPU device.
 * @throws {DeviceError} where the engine or the system lacks what it needs.
 */
export async function openCpuDevice(options: CpuOptions = {}): Promise<CpuDevice> {
  const threads = options.threads ?? navigator.hardwareConcurrency;
  if (!Number.isInteger(threads) || threads < 1 || threads > MAX_THREADS) {
    throw new DeviceError(`${threads} threads`, { expected: `1 to ${MAX_THREADS}` });
  }
  const blas = options.blas ?? null;
  const { module, name: simd } = await compileModule(options.plainSimd ? "plain" : "best");
  const wide = options.wide ?? isWideEngine();
  const memory = createMemory();
  let failure: string | null = null;
  let closed = false;
  let longReads = 0;
  const check = () => {
    if (closed) throw new DeviceError("the device has been closed");
    if (failure !== null) throw new DeviceError(`a thread of the CPU device failed: ${failure}`);
  };
  const queue = createQueue(memory, check);
  const scratch = Array.from({ length: threads }, () => memory.allocate(WORKER_SCRATCH_BYTES));
  const workers = await startWorkers({ module, memory: memory.wasm, scratch, blas, wide });
  workers.failure.then((reason) => failure = reason);
  const storages = createStorages(memory);
  const heaps = createHeaps(memory);
  const traits: CpuTraits = { blas: blas !== null };
  const parts = [
    `${os.cpus().at(0)?.model.trim() ?? "CPU"}`,
    `${threads} thread${threads > 1 ? "s" : ""}`,
    wide ? `wide ${simd}` : simd,
  ];
  const name = [...parts, ...blas ? [blas.name] : []].join(", ");

  const planOf = (program: Program) => planMemory(program, { scratch: (op) => scratchOf(op, traits) });
  const heapElements = (plans: readonly MemoryPlan[]) =>
    plans.reduce((most, { heaps: [size = 0] }) => Math.max(most, size), 0);
  const memoryUse = (programs: readonly Program[], plans: readonly MemoryPlan[]): MemoryUse => ({
    persistentBytes: storages.missingBytes(persistentStorages(programs)),
    activationBytes: heaps.missingBytes(heapElements(plans)),
  });

  const refuseOversized = (use: MemoryUse) => {
    const needed = use.persistentBytes + use.activationBytes;
    const refuseAbove = (most: number, what: string) => {
      if (needed <= most) return;
      const expected = `at most ${megabytes(most)}, ${what}`;
      throw new DeviceError(`the plan needs ${describeUse(use)}`, {
        where: "CPU",
        expected,
        hint: memoryHint(use, most),
      });
    };
    refuseAbove(memory.left(), "what is left of the 4 GiB that the CPU device can address");
    refuseAbove(availableBytes(), "the memory available");
  };

  /** Refuses calls that would change what a long read has not copied yet. */
  const refuseDuringRead = (call: string) => {
    check();
    if (longReads > 0) {
      throw new DeviceError(`${call} was called during a large read`, { hint: "await the read first" });
    }
  };

  const ensure = (tensor: Tensor): number => {
    const known = storages.find(tensor.storage);
    if (known) return known.address + 4 * tensor.offset;
    if (tensor.storage.lifetime !== "persistent") {
      throw new DeviceError(`${describe(tensor)} lives only within a run`, { expected: "a persistent tensor" });
    }
    return storages.ensure(tensor.storage) + 4 * tensor.offset;
  };

  const createExecutable = (program: Program, plan: MemoryPlan, heap: Heap): Executable => {
    const needed = persistentStorages([program]).map((storage) => ({ storage, place: storages.find(storage) }));
    const places = { plan, heap: heap.address, address: storages.ensure };
    const calls = writeCalls(program, traits, places, memory);
    let disposed = false;
    const checkRun = () => {
      refuseDuringRead("run");
      if (disposed) throw new DeviceError(`${program.name} has been disposed of`);
      const freed = needed.find(({ storage, place }) => storages.find(storage) !== place);
      if (freed) throw new DeviceError(`${program.name} uses ${freed.storage.name}, which has been freed`);
    };
    return {
      program,
      async profile() {
        checkRun();
        const bytes = 8 * (calls.count + 1);
        const at = memory.allocate(bytes);
        try {
          queue.profile(calls.address, calls.count, at);
          await queue.drain();
          const times = new Float64Array(memory.wasm.buffer, at, calls.count + 1);
          const byOp = new Float64Array(program.ops.length);
          calls.ops.forEach((op, i) => byOp[op] += times[i + 1] - times[i]);
          return byOp;
        } finally {
          memory.free(at);
        }
      },
      run(times = 1) {
        checkRun();
        if (calls.count > 0) queue.run(calls.address, calls.count, times);
      },
      [Symbol.dispose]() {
        if (disposed) return;
        disposed = true;
        if (closed || failure !== null) return;
        queue.drainNow();
        memory.free(calls.address);
        heaps.release(heap);
      },
    };
  };

  return {
    kind: "cpu",
    name,
    threads,

    // deno-lint-ignore require-await
    async compile(programs) {
      refuseDuringRead("compile");
      const plans = programs.map(planOf);
      refuseOversized(memoryUse(programs, plans));
      const added = persistentStorages(programs).filter((storage) => !storages.has(storage));
      const made: Executable[] = [];
      const elements = heapElements(plans);
      try {
        for (const storage of added) storages.ensure(storage);
        for (const [i, program] of programs.entries()) {
          const heap = heaps.acquire(elements);
          try {
            made.push(createExecutable(program, plans[i], heap));
          } catch (error) {
            heaps.release(heap);
            throw error;
          }
        }
        return made;
      } catch (error) {
        for (const executable of made) executable[Symbol.dispose]();
        for (const storage of added) storages.free(storage);
        throw error;
      }
    },

    estimate(programs) {
      check();
      return memoryUse(programs, programs.map(planOf));
    },

    write(tensor, data, elementOffset = 0) {
      refuseDuringRead("write");
      if ((tensor.dtype === "f32") !== (data instanceof Float32Array)) {
        throw new DeviceError(`${describe(tensor)} is written from a ${data.constructor.name}`);
      }
      if (elementOffset < 0 || elementOffset + data.length > elementCount(tensor.shape)) {
        throw new DeviceError(
          `elements ${elementOffset} to ${elementOffset + data.length} are written to ${describe(tensor)}`,
        );
      }
      const address = ensure(tensor) + 4 * elementOffset;
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      for (let from = 0; from < bytes.length; from += STAGED_BYTES) {
        queue.write(address + from, bytes.subarray(from, from + STAGED_BYTES));
      }
    },

    async read(tensors) {
      check();
      const jobs = tensors.map((tensor) => {
        const count = elementCount(tensor.shape);
        const result: HostArray = tensor.dtype === "f32" ? new Float32Array(count) : new Uint32Array(count);
        return { address: ensure(tensor), result };
      });
      const bytesOf = ({ buffer }: HostArray) => new Uint8Array(buffer);
      if (jobs.reduce((sum, { result }) => sum + result.byteLength, 0) <= STAGED_BYTES) {
        await Promise.all(jobs.map(({ address, result }) => queue.read(address, bytesOf(result))));
      } else {
        longReads++;
        try {
          await queue.drain();
          for (const { address, result } of jobs) {
            bytesOf(result).set(new Uint8Array(memory.wasm.buffer, address, result.byteLength));
          }
        } finally {
          longReads--;
        }
      }
      return jobs.map(({ result }) => result);
    },

    free(list) {
      refuseDuringRead("free");
      queue.drainNow();
      for (const storage of list) storages.free(storage);
    },

    async [Symbol.asyncDispose]() {
      if (closed) return;
      if (failure === null) {
        queue.quit();
        await workers.ended;
      } else workers.terminate();
      closed = true;
    },
  };
}

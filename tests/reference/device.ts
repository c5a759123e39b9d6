/**
 * The reference device: plain loops over Float32Array with sums in float64. Slow, obvious, and what every other device is
 * compared with. One kernel function per op kind, in kernels*.ts.
 */
import type { Device, Executable, HostArray, MemoryUse } from "../../src/device/device.ts";
import type { Op, OpKind, OpOf } from "../../src/program/op.ts";
import { persistentStorages, type Program } from "../../src/program/program.ts";
import { elementCount, type Storage, type Tensor } from "../../src/program/tensor.ts";
import { attentionKernels } from "./attention_kernels.ts";
import { rowKernels } from "./row_kernels.ts";
import { sample } from "./sample_kernel.ts";
import { trainingKernels } from "./training_kernels.ts";

/** Access to the data of tensors; `f` and `u` give live views of f32 and u32 tensors. */
export interface Memory {
  f(tensor: Tensor): Float32Array;
  u(tensor: Tensor): Uint32Array;
}

export type ReferenceKernel<K extends OpKind> = (op: OpOf<K>, memory: Memory) => void;

const KERNELS = { ...rowKernels, ...attentionKernels, ...trainingKernels, sample } satisfies {
  [K in OpKind]: ReferenceKernel<K>;
};

function runOp(op: Op, memory: Memory): void {
  (KERNELS[op.kind] as (op: Op, memory: Memory) => void)(op, memory);
}

/** Opens a reference device. */
export function openReferenceDevice(): Device {
  const data = new Map<Storage, Float32Array | Uint32Array>();
  const of = (storage: Storage): Float32Array | Uint32Array => {
    let array = data.get(storage);
    if (!array) {
      array = storage.dtype === "f32" ? new Float32Array(storage.elements) : new Uint32Array(storage.elements);
      data.set(storage, array);
    }
    return array;
  };
  const view = (tensor: Tensor) =>
    of(tensor.storage).subarray(tensor.offset, tensor.offset + elementCount(tensor.shape));
  const memory: Memory = {
    f: (tensor) => view(tensor) as Float32Array,
    u: (tensor) => view(tensor) as Uint32Array,
  };
  const compile = (program: Program): Executable => ({
    program,
    run(times = 1) {
      for (let i = 0; i < times; i++) for (const op of program.ops) runOp(op, memory);
    },
    [Symbol.dispose]() {},
  });
  return {
    kind: "reference",
    name: "plain loops",
    compile: (programs) => Promise.resolve(programs.map(compile)),
    estimate(programs): MemoryUse {
      const persistentBytes = persistentStorages(programs).reduce((sum, { elements }) => sum + elements * 4, 0);
      return { persistentBytes, activationBytes: 0 };
    },
    write(tensor: Tensor, source: HostArray, elementOffset = 0) {
      (view(tensor) as Float32Array).set(source, elementOffset);
    },
    read: (tensors) => Promise.resolve(tensors.map((tensor) => view(tensor).slice())),
    free(storages) {
      for (const storage of storages) data.delete(storage);
    },
    [Symbol.asyncDispose]() {
      data.clear();
      return Promise.resolve();
    },
  };
}

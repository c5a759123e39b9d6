/**
 * Runs the dispatches of one WebGPU kernel by themselves, with traits of the test's choosing: so that kernels meant for other
 * adapters, and cuts forced by small bindings, run on the adapter at hand.
 */
import type { HostArray } from "../../src/device/device.ts";
import { adapterTraits, requestDevice } from "../../src/device/webgpu/adapter.ts";
import type { AdapterTraits, Dispatch, Kernel } from "../../src/device/webgpu/kernel.ts";
import { operands, type OpKind, type OpOf, writes } from "../../src/program/op.ts";
import { alignUp, elementCount } from "../../src/program/tensor.ts";

export interface KernelRunner {
  readonly traits: AdapterTraits;
  /** Runs `kernel` for `op` and gives back what it wrote, by operand name; `times` gives the ms of a run as well. */
  run<K extends OpKind>(
    kernel: Kernel<K>,
    op: OpOf<K>,
    data: ReadonlyMap<string, HostArray>,
    traits?: Partial<AdapterTraits>,
    times?: number,
  ): Promise<{ outputs: Map<string, HostArray>; dispatches: Dispatch[]; milliseconds: number }>;
  close(): void;
}

/** Opens the default adapter, or gives null where there is none. */
export async function openKernelRunner(): Promise<KernelRunner | null> {
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) return null;
  const device = await requestDevice(adapter);
  const own = adapterTraits(adapter, device);
  const pipelines = new Map<string, GPUComputePipeline>();
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  return {
    traits: own,
    async run(kernel, op, data, traits = {}, times = 1) {
      const used = { ...own, ...traits };
      const buffers = new Map<unknown, GPUBuffer>();
      const create = (elements: number) =>
        device.createBuffer({ size: Math.max(256, alignUp(elements) * 4), usage: STORAGE | COPY_SRC | COPY_DST });
      buffers.set("scratch", create(kernel.scratch?.(op, used) ?? 0));
      for (const [name, tensor] of operands(op)) {
        const buffer = create(elementCount(tensor.shape));
        const initial = data.get(name);
        if (initial) device.queue.writeBuffer(buffer, 0, initial as Float32Array<ArrayBuffer>);
        buffers.set(tensor, buffer);
      }
      device.pushErrorScope("validation");
      const dispatches = kernel.dispatches(op, used);
      const prepared = dispatches.map(({ source, bindings, words, workgroups }) => {
        let pipeline = pipelines.get(source);
        if (!pipeline) {
          const module = device.createShaderModule({ code: source });
          pipeline = device.createComputePipeline({ layout: "auto", compute: { module, entryPoint: "main" } });
          pipelines.set(source, pipeline);
        }
        const entries = bindings.map((binding, index) => {
          const buffer = buffers.get(binding.of);
          if (!buffer) throw new Error("a binding of a tensor that is no operand");
          const offset = (binding.offset ?? 0) * 4;
          const size = binding.elements === undefined ? buffer.size - offset : binding.elements * 4;
          if (size > used.maxBindingBytes) throw new Error(`a binding of ${size} bytes`);
          return { binding: index, resource: { buffer, offset, size } };
        });
        if (words) {
          const buffer = create(words.length);
          buffers.set(entries, buffer);
          device.queue.writeBuffer(buffer, 0, Uint32Array.from(words));
          entries.push({ binding: entries.length, resource: { buffer, offset: 0, size: words.length * 4 } });
        }
        const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
        return { pipeline, group, workgroups };
      });
      const submit = (repeats: number) => {
        const encoder = device.createCommandEncoder();
        const pass = encoder.beginComputePass();
        for (let i = 0; i < repeats; i++) {
          for (const { pipeline, group, workgroups } of prepared) {
            pass.setPipeline(pipeline);
            pass.setBindGroup(0, group);
            pass.dispatchWorkgroups(...workgroups);
          }
        }
        pass.end();
        device.queue.submit([encoder.finish()]);
        return device.queue.onSubmittedWorkDone();
      };
      await submit(1);
      let milliseconds = NaN;
      if (times > 1) {
        const started = performance.now();
        await submit(times - 1);
        milliseconds = (performance.now() - started) / (times - 1);
      }
      const error = await device.popErrorScope();
      if (error) throw new Error(error.message);
      const outputs = new Map<string, HostArray>();
      const written = new Set(writes(op));
      for (const [name, tensor] of operands(op)) {
        const source = buffers.get(tensor);
        if (!written.has(tensor) || !source) continue;
        const staging = device.createBuffer({ size: source.size, usage: MAP_READ | COPY_DST });
        const encoder = device.createCommandEncoder();
        encoder.copyBufferToBuffer(source, 0, staging, 0, source.size);
        device.queue.submit([encoder.finish()]);
        await staging.mapAsync(GPUMapMode.READ);
        const bytes = staging.getMappedRange().slice(0, elementCount(tensor.shape) * 4);
        outputs.set(name, tensor.dtype === "f32" ? new Float32Array(bytes) : new Uint32Array(bytes));
        staging.destroy();
      }
      for (const buffer of buffers.values()) buffer.destroy();
      return { outputs, dispatches, milliseconds };
    },
    close: () => device.destroy(),
  };
}

/** Errors of WebGPU reach the caller as DeviceErrors, at the latest with the next run or read. */
import { readFloats } from "../../src/device/device.ts";
import { requestAdapter, requestDevice } from "../../src/device/webgpu/adapter.ts";
import { openWebGpuDevice } from "../../src/device/webgpu/device.ts";
import { collectFaults } from "../../src/device/webgpu/faults.ts";
import { createPipelines } from "../../src/device/webgpu/pipelines.ts";
import { DeviceError } from "../../src/errors.ts";
import { createProgram } from "../../src/program/program.ts";
import { persistent } from "../../src/program/tensor.ts";
import { assertRejects, assertThrows } from "./assertions.ts";
import { devices } from "./devices.ts";

const ignore = devices.every(({ name, absent }) => name !== "webgpu" || absent);
const tick = () => new Promise((resolve) => setTimeout(resolve, 5));

async function openWithProgram() {
  const device = await openWebGpuDevice();
  const [x, out] = [persistent("x", [4]), persistent("out", [4])];
  const [executable] = await device.compile([createProgram("p", [{ kind: "gelu", x, out }])]);
  return { device, out, executable };
}

Deno.test({
  name: "a shader that does not compile is reported with its kernel and line",
  ignore,
  async fn() {
    const device = await requestDevice(await requestAdapter());
    const faults = collectFaults(device);
    const pipelines = createPipelines(device);
    const source = "@compute @workgroup_size(1)\nfn main() { nonsense(); }";
    const compile = () => pipelines.get({ label: "gelu.test", source, bindings: [], workgroups: [1, 1, 1] });
    await assertRejects(() => faults.guard("compiling", compile), DeviceError, "gelu.test");
    pipelines.drop();
    await assertRejects(() => faults.guard("compiling", compile), DeviceError, "nonsense");
    device.destroy();
  },
});

Deno.test({
  name: "a destroyed device makes runs, reads and compilations fail",
  ignore,
  async fn() {
    const { device, out, executable } = await openWithProgram();
    device.gpu.destroy();
    await tick();
    assertThrows(() => executable.run(), DeviceError, "lost");
    await assertRejects(() => readFloats(device, out), DeviceError, "lost");
    await assertRejects(() => device.compile([executable.program]), DeviceError, "lost");
    await device[Symbol.asyncDispose]();
  },
});

Deno.test({
  name: "a device lost in the middle of a read makes it fail",
  ignore,
  async fn() {
    const { device, out, executable } = await openWithProgram();
    executable.run();
    device.gpu.destroy();
    await assertRejects(() => readFloats(device, out), DeviceError, "lost");
    await device[Symbol.asyncDispose]();
  },
});

Deno.test({
  name: "an error outside of any check surfaces with the next run and read",
  ignore,
  async fn() {
    const { device, out, executable } = await openWithProgram();
    device.gpu.createBuffer({ size: 2 ** 50, usage: GPUBufferUsage.STORAGE });
    await tick();
    assertThrows(() => executable.run(), DeviceError, "validation error");
    await assertRejects(() => readFloats(device, out), DeviceError, "validation error");
    await device[Symbol.asyncDispose]();
  },
});

Deno.test({
  name: "an error within a run surfaces with the read that follows",
  ignore,
  async fn() {
    const { device, out, executable } = await openWithProgram();
    const faultyCalls = collectFaults(device.gpu);
    faultyCalls.watch("running p", () => device.gpu.createBuffer({ size: 2 ** 50, usage: GPUBufferUsage.STORAGE }));
    await readFloats(device, out);
    assertThrows(() => faultyCalls.check(), DeviceError, "running p");
    executable.run();
    await device[Symbol.asyncDispose]();
  },
});

Deno.test({
  name: "memory that runs out is reported as such, with what to do",
  async fn() {
    // Software adapters hand out memory that they do not have, so the report comes from a stand-in for the GPUDevice.
    const reports: (GPUError | null)[] = [null, new GPUOutOfMemoryError("Not enough memory left."), null];
    const device = Object.assign(new EventTarget(), {
      lost: new Promise<GPUDeviceLostInfo>(() => {}),
      pushErrorScope() {},
      popErrorScope: () => Promise.resolve(reports.shift() ?? null),
    });
    const faults = collectFaults(device as unknown as GPUDevice);
    faults.watch("allocating wte f32 [50257, 768]", () => {});
    await Promise.resolve();
    await tick();
    assertThrows(() => faults.check(), DeviceError, "out of memory");
    assertThrows(() => faults.check(), DeviceError, "allocating wte");
    assertThrows(() => faults.check(), DeviceError, "smaller micro batch");
  },
});

Deno.test({
  name: "a closed device says so",
  ignore,
  async fn() {
    const { device, out, executable } = await openWithProgram();
    await device[Symbol.asyncDispose]();
    assertThrows(() => executable.run(), DeviceError, "closed");
    await assertRejects(() => readFloats(device, out), DeviceError, "closed");
  },
});

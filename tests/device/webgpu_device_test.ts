/** What is the WebGPU device's alone: ways of reading, storages cut into buffers, limits. What all devices promise: device_test.ts. */
import { type Device, readFloats } from "../../src/device/device.ts";
import { openWebGpuDevice, type WebGpuOptions } from "../../src/device/webgpu/device.ts";
import { DeviceError } from "../../src/errors.ts";
import type { Op } from "../../src/program/op.ts";
import { createProgram } from "../../src/program/program.ts";
import { persistent, type Tensor } from "../../src/program/tensor.ts";
import { devices } from "./devices.ts";
import { assertClose, normals } from "./harness.ts";
import { assertEquals, assertRejects } from "./assertions.ts";

const ignore = devices.every(({ name, absent }) => name !== "webgpu" || absent);

function test(name: string, fn: (device: Device) => Promise<void>, options: WebGpuOptions = {}): void {
  Deno.test({
    name,
    ignore,
    async fn() {
      await using device = await openWebGpuDevice(options);
      await fn(device);
    },
  });
}

for (const awaitedReads of [false, true]) {
  const how = awaitedReads ? "awaited" : "synchronous";
  test(`small reads give what is there, however many at a time (${how} mapping)`, async (device) => {
    const tensors = Array.from({ length: 40 }, (_, i) => persistent(`t${i}`, [i + 1]));
    for (const [i, tensor] of tensors.entries()) device.write(tensor, normals(i + 1, i));
    for (let round = 0; round < 3; round++) {
      const values = await Promise.all(tensors.map((tensor) => readFloats(device, tensor)));
      for (const [i, value] of values.entries()) assertEquals(value, normals(i + 1, i));
    }
    const together = await device.read(tensors);
    assertEquals(together.map((value) => value.at(-1)), tensors.map((_, i) => normals(i + 1, i).at(-1)));
  }, { awaitedReads });
}

test("a storage larger than a buffer is cut at its tensors", async (device) => {
  const sizes = [5000, 64, 16000, 16384, 30, 700];
  const cuts: number[] = [];
  let elements = 0;
  for (const size of sizes) {
    cuts.push(elements);
    elements += Math.ceil(size / 64) * 64;
  }
  const arena = (name: string): Tensor => ({
    name,
    dtype: "f32",
    shape: [elements],
    offset: 0,
    storage: { name, dtype: "f32", elements, lifetime: "persistent", cuts },
  });
  const [parameters, gradients, moment1, moment2] = ["p", "g", "m", "v"].map(arena);
  const [norm, hyper] = [persistent("norm", [2]), persistent("hyper", [3])];
  device.write(parameters, normals(elements, 1));
  device.write(gradients, normals(elements, 2));
  device.write(hyper, Float32Array.of(0.1, 1, 0));
  const adamW = { kind: "adamW" as const, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, decay: false };
  const [executable] = await device.compile([createProgram("update", [
    { kind: "globalNorm", gradients, out: norm, maxNorm: 0 },
    { ...adamW, parameters, gradients, moment1, moment2, norm, hyper },
  ])]);
  executable.run();
  const [p, g, n] = await device.read([parameters, gradients, norm]);
  const before = normals(elements, 1);
  const gradient = normals(elements, 2);
  const expected = before.map((value, i) => {
    const [m, v] = [0.1 * gradient[i], 0.05 * gradient[i] ** 2];
    return value - 0.1 * m / (Math.sqrt(v) + 1e-8);
  });
  assertClose(p, expected, 1e-6, "parameters");
  assertClose(n, Float32Array.of(Math.hypot(...gradient), 1), 1e-5, "norm");
  assertEquals(g, new Float32Array(elements));
}, { maxBufferBytes: 64 * 1024 });

test("a tensor larger than a buffer is refused with the numbers", async (device) => {
  const x = persistent("x", [20_000]);
  const program = createProgram("p", [{ kind: "gelu", x, out: persistent("out", [20_000]) }]);
  await assertRejects(() => device.compile([program]), DeviceError, "x needs 80000 bytes in one buffer");
}, { maxBufferBytes: 64 * 1024 });

test("a plan beyond the memory at hand is refused before anything is allocated", async (device) => {
  if (!("software" in device) || !device.software) return;
  const ops = Array.from({ length: 200 }, (_, i): Op => {
    const shape = [400_000_000];
    return { kind: "gelu", x: persistent(`x${i}`, shape), out: persistent(`out${i}`, shape) };
  });
  await assertRejects(() => device.compile([createProgram("p", ops)]), DeviceError, "the plan needs 640000 MB");
  assertEquals(device.estimate([createProgram("p", ops.slice(0, 1))]).persistentBytes, 3_200_000_000);
});

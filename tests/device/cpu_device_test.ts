/** What is the CPU device's alone: threads, limits, failures. What all devices promise: device_test.ts. */
import { isWideEngine } from "../../src/device/cpu/engine.ts";
import { type CpuOptions, openCpuDevice } from "../../src/device/cpu/device.ts";
import { compileModule } from "../../src/device/cpu/module.ts";
import { createMemory } from "../../src/device/cpu/memory.ts";
import { createQueue } from "../../src/device/cpu/queue.ts";
import { startWorkers } from "../../src/device/cpu/worker.ts";
import { CALL_BYTES, WORKER_SCRATCH_BYTES } from "../../kernels/cpu/control.ts";
import { readFloats } from "../../src/device/device.ts";
import { DeviceError } from "../../src/errors.ts";
import { createProgram } from "../../src/program/program.ts";
import { persistent } from "../../src/program/tensor.ts";
import { assertEquals, assertRejects, assertThrows } from "./assertions.ts";

const adder = () => {
  const [x, out] = [persistent("x", [70, 33]), persistent("out", [33])];
  return { x, out, program: createProgram("add", [{ kind: "columnSum", x, out }]) };
};

for (const threads of [1, 2, 3, 7]) {
  Deno.test(`${threads} threads share the work of thousands of calls and end with the device`, async () => {
    await using device = await openCpuDevice({ threads });
    assertEquals(device.threads, threads);
    const { x, out, program } = adder();
    device.write(x, new Float32Array(70 * 33).fill(1));
    const [executable] = await device.compile([program]);
    for (let i = 0; i < 500; i++) executable.run();
    executable.run(1500);
    assertEquals(await readFloats(device, out), new Float32Array(33).fill(70 * 2000));
  });
}

Deno.test("a number of threads that cannot be is refused", async () => {
  for (const threads of [0, -1, 1.5, NaN, 257]) {
    await assertRejects(() => openCpuDevice({ threads }), DeviceError, `${threads} threads`);
  }
});

Deno.test("a plan beyond 4 GiB is refused with the numbers, before anything is allocated", async () => {
  await using device = await openCpuDevice({ threads: 1 });
  const program = createProgram("p", [
    { kind: "gelu", x: persistent("x", [600_000_000]), out: persistent("out", [600_000_000]) },
  ]);
  assertEquals(device.estimate([program]).persistentBytes, 4_800_000_000);
  await assertRejects(() => device.compile([program]), DeviceError, "the plan needs 4800 MB");
  await assertRejects(() => device.compile([program]), DeviceError, "4 GiB");
  await assertRejects(() => device.compile([program]), DeviceError, "smaller micro batch");
});

Deno.test("a closed device says so, and closing twice does nothing", async () => {
  const device = await openCpuDevice({ threads: 2 });
  const { out, program } = adder();
  const [executable] = await device.compile([program]);
  await device[Symbol.asyncDispose]();
  await device[Symbol.asyncDispose]();
  assertThrows(() => executable.run(), DeviceError, "closed");
  await assertRejects(() => readFloats(device, out), DeviceError, "closed");
});

for (const count of [1, 2, 3]) {
  Deno.test(`a kernel that fails on one of ${count} threads stops all of them with an error`, async () => {
    const memory = createMemory();
    const { module } = await compileModule();
    let failure: string | null = null;
    const queue = createQueue(memory, () => {
      if (failure !== null) throw new DeviceError(failure);
    });
    const scratch = Array.from({ length: count }, () => memory.allocate(WORKER_SCRATCH_BYTES));
    const workers = await startWorkers({ module, memory: memory.wasm, scratch, blas: null, wide: isWideEngine() });
    // A call of a kernel that does not exist traps, as any error in a kernel would.
    const call = memory.allocateZeros(CALL_BYTES);
    memory.words(call, 2).set([0xffff, 1]);
    queue.run(call, 1, 1);
    workers.failure.then((reason) => failure = reason);
    await assertRejects(() => queue.drain(), DeviceError, "unreachable");
    assertThrows(() => queue.run(call, 1, 1), DeviceError, "unreachable");
    await workers.ended;
  });
}

const options: readonly [string, CpuOptions][] = [
  ["relaxed SIMD", { wide: false }],
  ["SIMD", { plainSimd: true, wide: false }],
  ["wide relaxed SIMD", { wide: true }],
];
for (const [simd, how] of options) {
  Deno.test(`the device's name tells threads and ${simd}`, async () => {
    await using device = await openCpuDevice({ threads: 2, ...how });
    assertEquals(device.name.endsWith(`, 2 threads, ${simd}`), true);
  });
}

Deno.test("a profile runs the program once and gives every op a time", async () => {
  await using device = await openCpuDevice({ threads: 2 });
  const { x, out, program } = adder();
  device.write(x, new Float32Array(70 * 33).fill(1));
  const twice = createProgram("twice", [...program.ops, ...program.ops]);
  const [executable] = await device.compile([twice]);
  const times = await executable.profile?.();
  assertEquals(times?.length, 2);
  assertEquals(times?.every((ms) => ms >= 0 && ms < 10_000), true);
  assertEquals(await readFloats(device, out), new Float32Array(33).fill(140));
});

/** What every device promises through the Device interface: lifetimes, order, reads, memory. */
import { type Device, readFloats, readIntegers } from "../../src/device/device.ts";
import { DeviceError } from "../../src/errors.ts";
import type { Op } from "../../src/program/op.ts";
import { createProgram } from "../../src/program/program.ts";
import { activation, persistent, type Tensor } from "../../src/program/tensor.ts";
import { devices } from "./devices.ts";
import { normals } from "./harness.ts";
import { assertEquals, assertThrows } from "./assertions.ts";

function test(name: string, fn: (device: Device) => Promise<void>): void {
  for (const { name: deviceName, absent, open } of devices) {
    Deno.test({
      name: `${deviceName}: ${name}`,
      ignore: absent,
      async fn() {
        await using device = await open();
        await fn(device);
      },
    });
  }
}

/** out += scale · Σ x, with an activation in between. */
function adder(x: Tensor, out: Tensor, scale = 1): Op[] {
  const copy = activation("copy", x.shape);
  const seed = persistent("seed", [2], "u32");
  return [
    { kind: "dropout", x, out: copy, dropout: { rate: 0, stream: 0, seed } },
    { kind: "sum", x: copy, out, scale, accumulate: true },
  ];
}

test("persistent tensors start as zeros and keep their data between compilations", async (device) => {
  const [x, out] = [persistent("x", [3]), persistent("out", [1])];
  assertEquals(await readFloats(device, x), Float32Array.of(0, 0, 0));
  device.write(x, Float32Array.of(1, 2, 3));
  const [first] = await device.compile([createProgram("first", adder(x, out))]);
  first.run();
  first[Symbol.dispose]();
  const [second] = await device.compile([createProgram("second", adder(x, out, 10))]);
  second.run();
  assertEquals(await readFloats(device, out), Float32Array.of(66));
  assertEquals(await readFloats(device, x), Float32Array.of(1, 2, 3));
});

test("writes, runs and reads take effect in the order of the calls", async (device) => {
  const [x, out] = [persistent("x", [1]), persistent("out", [1])];
  const [executable] = await device.compile([createProgram("add", adder(x, out))]);
  const reads: Promise<Float32Array>[] = [];
  for (let i = 1; i <= 20; i++) {
    device.write(x, Float32Array.of(i));
    executable.run();
    reads.push(readFloats(device, out));
  }
  const values = (await Promise.all(reads)).map(([value]) => value);
  assertEquals(values, Array.from({ length: 20 }, (_, i) => (i + 1) * (i + 2) / 2));
});

test("run(times) runs a program so many times, beyond what one submit holds too", async (device) => {
  const [x, out] = [persistent("x", [1]), persistent("out", [1])];
  device.write(x, Float32Array.of(1));
  const [executable] = await device.compile([createProgram("add", adder(x, out))]);
  executable.run(3);
  executable.run(3000);
  assertEquals(await readFloats(device, out), Float32Array.of(3003));
});

test("programs compiled together or apart share memory without disturbing each other", async (device) => {
  const x = persistent("x", [1000]);
  const outs = [1, 2, 3].map((i) => persistent(`out${i}`, [1]));
  device.write(x, new Float32Array(1000).fill(1));
  const programs = outs.map((out, i) => createProgram(`p${i}`, adder(x, out, i + 1)));
  const before = device.estimate(programs);
  const [a, b] = await device.compile(programs.slice(0, 2));
  const [c] = await device.compile(programs.slice(2));
  // The copy, and what a device needs to add it up.
  assertEquals(before.activationBytes >= 4096 && before.activationBytes < 16384, true);
  // Three sums and three seeds of 256 bytes; x is there already.
  assertEquals(before.persistentBytes, 6 * 256);
  assertEquals(device.estimate(programs), { persistentBytes: 0, activationBytes: 0 });
  a[Symbol.dispose]();
  for (const executable of [c, b, c]) executable.run();
  assertThrows(() => a.run(), DeviceError, "disposed");
  const values = await device.read(outs);
  assertEquals(values.map(([value]) => value), [0, 2000, 6000]);
});

test("part of a tensor can be written", async (device) => {
  const x = persistent("x", [2, 5], "u32");
  device.write(x, Uint32Array.of(7, 8, 9), 4);
  assertEquals(await readIntegers(device, x), Uint32Array.of(0, 0, 0, 0, 7, 8, 9, 0, 0, 0));
  assertThrows(() => device.write(x, Uint32Array.of(1), 10), DeviceError, "elements 10 to 11");
  assertThrows(() => device.write(x, Float32Array.of(1)), DeviceError, "Float32Array");
});

test("freed storages are refused, and start anew when they are used again", async (device) => {
  const [x, out] = [persistent("x", [4]), persistent("out", [1])];
  const program = createProgram("add", adder(x, out));
  device.write(x, Float32Array.of(1, 1, 1, 1));
  const [executable] = await device.compile([program]);
  executable.run();
  device.free([x.storage]);
  assertThrows(() => executable.run(), DeviceError, "x, which has been freed");
  assertEquals(await readFloats(device, x), new Float32Array(4));
  assertThrows(() => executable.run(), DeviceError, "x, which has been freed");
  const [again] = await device.compile([program]);
  again.run();
  assertEquals(await readFloats(device, out), Float32Array.of(4));
});

test("a small read waits for all the work before it", async (device) => {
  const [x, out] = [persistent("x", [1 << 20]), persistent("out", [1])];
  device.write(x, new Float32Array(1 << 20).fill(1));
  const [executable] = await device.compile([createProgram("add", adder(x, out))]);
  for (let i = 1; i <= 12; i++) {
    executable.run(2);
    assertEquals(await readFloats(device, out), Float32Array.of(i * 2 ** 21));
  }
});

test("a read larger than the staging memory arrives whole, and refuses changes meanwhile", async (device) => {
  const x = persistent("x", [(140 << 20) / 4]);
  const last = x.shape[0] - 3;
  device.write(x, Float32Array.of(1, 2, 3), last);
  const reading = readFloats(device, x);
  assertThrows(() => device.write(x, Float32Array.of(9), last), DeviceError, "during a large read");
  const data = await reading;
  assertEquals(data.slice(-4), Float32Array.of(0, 1, 2, 3));
  device.write(x, Float32Array.of(9), last);
  assertEquals((await readFloats(device, x)).at(-3), 9);
});

test("small reads give what is there, however many at a time", async (device) => {
  const tensors = Array.from({ length: 40 }, (_, i) => persistent(`t${i}`, [i + 1]));
  for (const [i, tensor] of tensors.entries()) device.write(tensor, normals(i + 1, i));
  for (let round = 0; round < 3; round++) {
    const values = await Promise.all(tensors.map((tensor) => readFloats(device, tensor)));
    for (const [i, value] of values.entries()) assertEquals(value, normals(i + 1, i));
  }
});

test("writes of any size and number arrive whole and in order", async (device) => {
  const sizes = [3, 400_000, 17, 1_000_003, 64, 262_144, 262_145, 1];
  const x = sizes.map((size, i) => persistent(`x${i}`, [size]));
  for (const round of [1, 2]) {
    for (let i = 0; i < 3000; i++) device.write(x[0], Float32Array.of(i, round, i), 0);
    for (const [i, tensor] of x.entries()) device.write(tensor, normals(sizes[i], i + round));
    for (const [i, tensor] of x.entries()) {
      const got = await readFloats(device, tensor);
      const want = normals(sizes[i], i + round);
      const wrong = got.findIndex((value, at) => value !== want[at]);
      assertEquals({ tensor: i, wrong }, { tensor: i, wrong: -1 });
    }
  }
});

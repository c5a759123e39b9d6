import assert from "node:assert/strict";
import { checkDeviceOptions, deviceOptions } from "../../src/cli/device_options.ts";
import { openNotedDevice } from "../../src/cli/open_device.ts";
import { parseOptions } from "../../src/cli/parse_options.ts";
import { chooseDevice } from "../../src/device/open.ts";
import { UserError } from "../../src/errors.ts";

function options(line: string) {
  const { values } = parseOptions(deviceOptions, line.split(/\s+/).filter((word) => word !== ""));
  checkDeviceOptions(values);
  return values;
}

const userError = (message: RegExp) => (error: unknown) => error instanceof UserError && message.test(error.message);

Deno.test("without options the device is chosen, with all threads and a BLAS where there is one", () => {
  assert.deepEqual(options(""), { device: "auto", threads: null, blas: "auto" });
  assert.deepEqual(options("--device cpu --threads 3 --blas off"), { device: "cpu", threads: 3, blas: "off" });
});

Deno.test("options of the CPU device are refused beside --device gpu, unless they ask for nothing", () => {
  assert.throws(() => options("--device gpu --threads 2"), userError(/--threads 2: acts on the CPU device only/));
  assert.throws(() => options("--device gpu --blas off"), userError(/--blas off: acts on the CPU device only/));
  options("--device gpu --blas auto");
});

Deno.test("a number of threads that no device takes is the user's mistake", () => {
  for (const threads of ["0", "-1", "257", "1.5", "two"]) {
    assert.throws(() => options(`--threads ${threads}`), userError(/--threads: .*expected an integer from 1 to 256/));
  }
});

Deno.test("the CPU device opens with the threads asked for, and says where there are too many", async () => {
  const notes: string[] = [];
  const note = (line: string) => void notes.push(line);
  {
    await using device = await openNotedDevice(options("--device cpu --threads 1 --blas off"), note);
    assert.equal(device.kind, "cpu");
    assert.match(device.name, /, 1 thread, /);
  }
  assert.deepEqual(notes, []);
  const many = navigator.hardwareConcurrency + 1;
  await using device = await openNotedDevice(
    { ...options("--device cpu --blas off"), threads: many },
    note,
  );
  assert.match(device.name, new RegExp(`, ${many} threads, `));
  assert.match(notes.join("\n"), new RegExp(`^note: ${many} threads where ${many - 1} run at once`));
});

Deno.test("auto opens the device that it says it chooses, and says where it found no GPU", async () => {
  const chosen = await chooseDevice();
  const notes: string[] = [];
  const note = (line: string) => void notes.push(line);
  await using device = await openNotedDevice(options("--threads 1"), note);
  assert.equal(device.kind, chosen.device === "gpu" ? "webgpu" : "cpu");
  const expected = chosen.device === "cpu"
    ? `note: no GPU found: computing on ${device.name}`
    : `note: computing on ${device.name}: the CPU device's threads and BLAS do not act there`;
  assert.deepEqual(notes, [expected]);
});

Deno.test("a library that is no BLAS is the user's mistake", async () => {
  for (const path of ["/nonexistent.so", "/"]) {
    const opening = openNotedDevice({ ...options("--device cpu"), blas: path }, () => {});
    await assert.rejects(opening, userError(new RegExp(`^--blas ${path}: `)));
  }
});

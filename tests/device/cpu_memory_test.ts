/** The allocator of the CPU device's memory. */
import fc from "fast-check";
import { DeviceError } from "../../src/errors.ts";
import { createMemory, MAX_HEAP_BYTES } from "../../src/device/cpu/memory.ts";
import { assertEquals, assertThrows } from "./assertions.ts";

Deno.test("blocks never overlap, start at multiples of 256, and come back whole", () => {
  const memory = createMemory();
  const everything = memory.left();
  const step = fc.oneof(
    fc.record({ bytes: fc.integer({ min: 1, max: 5000 }) }),
    fc.record({ free: fc.nat({ max: 50 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const blocks: { address: number; bytes: number }[] = [];
      for (const step of steps) {
        if ("bytes" in step) {
          const address = memory.allocate(step.bytes);
          assertEquals(address % 256, 0);
          for (const other of blocks) {
            const apart = address + step.bytes <= other.address || other.address + other.bytes <= address;
            assertEquals({ address, other, apart }, { address, other, apart: true });
          }
          blocks.push({ address, bytes: step.bytes });
        } else if (blocks.length > 0) {
          const [block] = blocks.splice(step.free % blocks.length, 1);
          memory.free(block.address);
        }
      }
      for (const { address } of blocks) memory.free(address);
      assertEquals(memory.left(), everything);
      // One piece again: the largest block fits at the start.
      const whole = memory.allocate(1 << 20);
      memory.free(whole);
    }),
    { numRuns: 200, seed: 7 },
  );
  assertThrows(() => memory.free(12345), RangeError, "nothing is allocated");
});

Deno.test("zeroed blocks are zeros, in fresh memory and in used", () => {
  const memory = createMemory();
  const first = memory.allocateZeros(1000);
  assertEquals(memory.words(first, 250).every((word) => word === 0), true);
  memory.words(first, 250).fill(7);
  memory.free(first);
  const larger = memory.allocateZeros(100_000);
  assertEquals(larger, first);
  assertEquals(memory.words(larger, 25_000).every((word) => word === 0), true);
});

Deno.test("views stay right when the memory grows, and the upper half of 4 GiB can be addressed", () => {
  const memory = createMemory();
  const low = memory.allocate(4096);
  const view = memory.floats(low, 4);
  view[0] = 5;
  const high = memory.allocate(3 * 2 ** 30);
  assertEquals(view[0], 5);
  memory.floats(high + 3 * 2 ** 30 - 16, 4).set([1, 2, 3, 4]);
  assertEquals(memory.floats(high + 3 * 2 ** 30 - 4, 1)[0], 4);
});

Deno.test("what does not fit into 4 GiB is refused with its size", () => {
  const memory = createMemory();
  assertThrows(() => memory.allocate(MAX_HEAP_BYTES + 1), DeviceError, "4295 MB");
});

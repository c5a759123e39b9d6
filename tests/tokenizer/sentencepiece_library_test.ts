/** A wrong address in the library's memory meets nothing: all that 32 bits reach is reserved for it. */
import { loadModel } from "../../src/tokenizer/sentencepiece_library.ts";
import { declareWholeMemory } from "../../src/tokenizer/wasm_memory.ts";
import { assert } from "../assert.ts";
import { modelBytes } from "./sentencepiece_files.ts";

const GIB = 1024 ** 3;

/** The process's mappings from an address on, as long as they follow on each other: bytes and permissions. */
function mappingsFrom(address: number): { bytes: number; permissions: string }[] {
  const found: { bytes: number; permissions: string }[] = [];
  let at = address;
  for (const line of Deno.readTextFileSync("/proc/self/maps").split("\n")) {
    const [, from, to, permissions] = /^([0-9a-f]+)-([0-9a-f]+) (\S+)/.exec(line) ?? [];
    if (parseInt(from, 16) > at || parseInt(to, 16) <= at) continue;
    found.push({ bytes: parseInt(to, 16) - at, permissions });
    at = parseInt(to, 16);
  }
  return found;
}

/** Bytes from the memory's start to the first that is neither in it nor reserved and closed to every access. */
function fencedBytes(memory: WebAssembly.Memory): number {
  const address = Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(new Uint8Array(memory.buffer))));
  let fenced = 0;
  for (const { bytes, permissions } of mappingsFrom(address)) {
    if (permissions !== (fenced < memory.buffer.byteLength ? "rw-p" : "---p")) break;
    if (fenced < memory.buffer.byteLength && fenced + bytes > memory.buffer.byteLength) break;
    fenced += bytes;
  }
  return fenced;
}

Deno.test({
  name: "behind the memory of sentencepiece's library all 4 GiB are reserved, also when it has grown",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const declared2GiB = new WebAssembly.Memory({ initial: 256, maximum: 32768 });
    const fenced = fencedBytes(declared2GiB);
    assert.ok(fenced >= 2 * GIB, `the mappings can be read: ${fenced} bytes`);

    const folder = await Deno.makeTempDir();
    try {
      Deno.writeFileSync(`${folder}/some.model`, modelBytes({ pieces: ["▁", "a", "b"], bpe: true }));
      const own = WebAssembly.instantiate;
      const models = await Promise.all([loadModel(`${folder}/some.model`), loadModel(`${folder}/some.model`)]);
      assert.equal(WebAssembly.instantiate, own);
      for (const { processor, memory } of models) {
        assert.ok(fencedBytes(memory) >= 4 * GIB, `${fencedBytes(memory)} bytes`);
        const { byteLength } = memory.buffer;
        assert.equal(processor.encodeIds("ab ".repeat(1 << 18)).length, 3 * (1 << 18));
        assert.ok(memory.buffer.byteLength > byteLength);
        assert.ok(fencedBytes(memory) >= 4 * GIB, `${fencedBytes(memory)} bytes`);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** A module with a memory and a data segment behind it; without limits, no memory. */
function module(limits: number[] | null): Uint8Array<ArrayBuffer> {
  const memory = limits === null ? [] : [5, limits.length + 1, 1, ...limits];
  const exports = limits === null ? [] : [7, 5, 1, 1, 0x6d, 2, 0]; // the memory as "m"
  return Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 0, 3, 1, 0x78, 9, ...memory, ...exports);
}

Deno.test("a module's memory may grow to 4 GiB afterwards, and nothing else of it changes", () => {
  const grown = (bytes: Uint8Array<ArrayBuffer>) => {
    const { m } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
    assert.ok(m instanceof WebAssembly.Memory);
    return m.grow(1) === 1;
  };
  assert.throws(() => grown(module([1, 1, 1])), RangeError);
  for (const limits of [[1, 1, 1], [1, 1, 0x80, 1], [1, 1, 0x80, 0x80, 2], [1, 1, 0x81, 0x80, 0]]) {
    const changed = declareWholeMemory(module(limits));
    assert.deepEqual(changed, module([1, 1, 0x80, 0x80, 4]));
    assert.ok(grown(changed));
  }
  for (const limits of [null, [0, 1], [1, 1, 0x80, 0x80, 4]]) assert.equal(declareWholeMemory(module(limits)), null);
  assert.throws(() => declareWholeMemory(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 5)), RangeError);
});

/** The system BLAS: what findBlas takes and refuses, and that products by it are right and the same for any number of threads. */
import { openBlas } from "../../src/device/cpu/blas.ts";
import { findBlas } from "../../src/device/cpu/blas_find.ts";
import { openCpuDevice } from "../../src/device/cpu/device.ts";
import { chooseTile, wantsBlas } from "../../src/device/cpu/matmul_blas.ts";
import { readFloats } from "../../src/device/device.ts";
import { UserError } from "../../src/errors.ts";
import { operands } from "../../src/program/op.ts";
import { createProgram } from "../../src/program/program.ts";
import { elementCount } from "../../src/program/tensor.ts";
import { assertEquals, assertThrows } from "./assertions.ts";
import { compareWithReference, normals } from "./harness.ts";
import { type Extra, LAYOUTS, product } from "./matmul_products.ts";

const blas = findBlas("auto");
if (!blas) console.error("No system BLAS: its tests are skipped. On Debian: apt-get install libopenblas0-pthread");
const ignore = blas === null;

/** Every combination of extras; `pre` is only kept for gelu's sake. */
function combinations(): Extra[][] {
  const all: Extra[] = ["bias", "gelu", "pre", "residual", "accumulate"];
  const subsets = Array.from({ length: 2 ** all.length }, (_, bits) => all.filter((_, i) => bits >> i & 1));
  return subsets.filter((extras) => extras.includes("gelu") || !extras.includes("pre"));
}

Deno.test("off finds no BLAS", () => {
  assertEquals(findBlas("off"), null);
});

Deno.test("a named library that cannot be loaded is refused with the option, the reason and what to do", async () => {
  const file = await Deno.makeTempFile({ suffix: ".so" });
  try {
    await Deno.writeTextFile(file, "no library\n".repeat(100));
    for (const path of [`${file}.absent`, file, "codekiln-no-such-library.so", "/"]) {
      assertThrows(() => findBlas(path), UserError, `--blas ${path}: the library cannot be loaded`);
      assertThrows(() => findBlas(path), UserError, "(expected auto, off or a BLAS library)\nHINT: ");
    }
  } finally {
    await Deno.remove(file);
  }
  assertThrows(() => findBlas(""), UserError, "no library is named");
});

const OTHER_LIBRARIES: Partial<Record<typeof Deno.build.os, string>> = {
  linux: "libm.so.6",
  darwin: "/usr/lib/libSystem.B.dylib",
  windows: "kernel32.dll",
};
const other = OTHER_LIBRARIES[Deno.build.os];

Deno.test({
  name: "a library without matrix products is refused",
  ignore: other === undefined,
  fn: () => {
    if (other === undefined) throw new Error("ignored");
    assertThrows(() => findBlas(other), UserError, `--blas ${other}: the library has no cblas_sgemm`);
  },
});

Deno.test({
  name: "without the permission to call libraries auto finds none, and a named one is refused",
  permissions: { read: true },
  fn: () => {
    assertEquals(findBlas("auto"), null);
    assertThrows(() => findBlas("libblas-any.so"), UserError, "--allow-ffi");
  },
});

Deno.test({
  name: "the library that auto finds has a name for people, and is taken by its own name too",
  ignore,
  fn: () => {
    if (!blas) throw new Error("ignored");
    assertEquals(/^(OpenBLAS|MKL|BLIS|AOCL|Accelerate)/.test(blas.name), true);
    assertEquals(findBlas(blas.path)?.name, blas.name);
  },
});

Deno.test({
  name: "looking for a library leaves the environment as it was",
  ignore,
  fn: () => {
    const before = Deno.env.toObject();
    try {
      findBlas("libm.so.6");
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
    }
    assertEquals(Deno.env.toObject(), before);
  },
});

Deno.test({
  name: "operands beyond 2 GiB of memory, and memory that has grown since, are multiplied in place",
  ignore,
  fn: () => {
    if (!blas) throw new Error("ignored");
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
    using library = openBlas(blas, memory);
    memory.grow(50_000);
    // As WASM hands it over: signed.
    const address = 3_000_000_000;
    const floats = new Float32Array(memory.buffer, address, 12);
    floats.set([1, 2, 3, 4, 5, 6, 7, 8]);
    library.gemm(0, 0, 2, 2, 2, address | 0, 2, (address + 16) | 0, 2, 0, (address + 32) | 0, 2);
    assertEquals([...floats.subarray(8)], [19, 22, 43, 50]);
    library.gemm(0, 1, 2, 2, 2, address | 0, 2, (address + 16) | 0, 2, 1, (address + 32) | 0, 2);
    assertEquals([...floats.subarray(8)], [19 + 17, 22 + 23, 43 + 39, 50 + 53]);
  },
});

for (const layout of LAYOUTS) {
  Deno.test({
    name: `${layout} products by the system BLAS are right in any shape, in one tile and in many`,
    ignore,
    fn: async () => {
      await using device = await openCpuDevice({ threads: 2, blas });
      for (const [m, n, k] of [[65, 131, 17], [301, 67, 40], [16, 1031, 64], [130, 514, 33], [515, 18, 129]]) {
        const op = product(layout, m, n, k);
        assertEquals(wantsBlas(op), true);
        await compareWithReference(device, op);
      }
    },
  });
}

Deno.test({
  name: "bias, gelu, pre, residual and accumulate go with products by the system BLAS in every combination",
  ignore,
  fn: async () => {
    await using device = await openCpuDevice({ threads: 2, blas });
    const tile = chooseTile({ m: 99, n: 203, k: 37 }, false);
    assertEquals(tile.rows < 99 || tile.columns < 203, true);
    for (const extras of combinations()) await compareWithReference(device, product("NN", 99, 203, 37, extras));
    await compareWithReference(device, product("TN", 99, 203, 37, ["accumulate"]));
    await compareWithReference(device, product("NT", 99, 203, 37, ["bias", "gelu", "pre", "residual", "accumulate"]));
  },
});

Deno.test({
  name: "products by the system BLAS have the same bits for 1, 2 and 3 threads, run after run",
  ignore,
  fn: async () => {
    const run = async (threads: number) => {
      await using device = await openCpuDevice({ threads, blas });
      const results: Float32Array[] = [];
      for (const [i, layout] of LAYOUTS.entries()) {
        const op = product(layout, 301, 517, 190, i === 1 ? [] : ["bias", "gelu", "pre"]);
        operands(op).forEach(([, t], seed) => device.write(t, normals(elementCount(t.shape), seed)));
        const [executable] = await device.compile([createProgram("product", [op])]);
        executable.run(20);
        results.push(await readFloats(device, op.out));
      }
      return results;
    };
    const expected = await run(1);
    for (const threads of [1, 2, 3, 3]) assertEquals(await run(threads), expected);
  },
});

Deno.test("tiles keep many threads busy where a product is large, and never exceed a worker's scratch memory", () => {
  for (
    const [m, n, k] of [[2048, 1536, 384], [256, 50257, 768], [50257, 768, 256], [1024, 1024, 1024], [2048, 384, 128]]
  ) {
    for (const transB of [false, true]) {
      const { rows, columns } = chooseTile({ m, n, k }, transB);
      assertEquals(Math.ceil(m / rows) * Math.ceil(n / columns) >= 8, true);
      assertEquals(rows * columns <= 2 ** 19, true);
    }
  }
  assertEquals(chooseTile({ m: 16, n: 16, k: 512 }, false), { rows: 16, columns: 16 });
});

Deno.test("small and thin products stay with the WASM kernels", () => {
  assertEquals(wantsBlas(product("NN", 1, 50257, 768)), false);
  assertEquals(wantsBlas(product("NN", 8, 8, 8)), false);
  assertEquals(wantsBlas(product("NN", 256, 768, 768)), true);
});

/**
 * The CPU kernels' vector functions against float64, over samples of all 2³² floats, in both builds. A unit is one in the last place
 * of the right result.
 */
import { builds, compileKernels } from "../../tasks/build_kernels.ts";
import { threefry } from "../../src/program/random.ts";
import { assertEquals } from "./assertions.ts";

interface Functions {
  exp(x: number, out: number, count: number): void;
  log(x: number, out: number, count: number): void;
  gelu(x: number, out: number, count: number): void;
  geluGradient(x: number, out: number, count: number): void;
  threefry(out: number, count: number, key0: number, key1: number, counter0: number, counter1: number): void;
}

type Name = Exclude<keyof Functions, "threefry">;

const COUNT = 1 << 16;
const [X, OUT] = [1 << 18, 1 << 19];
/** A prime: the samples meet all exponents and, over and over, other mantissas. */
const STRIDE = 9973;

const modules: Record<string, Promise<WebAssembly.Module>> = {};
for (const [name, flags] of Object.entries(builds)) {
  const bytes = compileKernels(flags, "kernels/cpu/math_arrays.ts");
  modules[name] = bytes.then((found) => WebAssembly.compile(found));
}

async function open(build: string) {
  const memory = new WebAssembly.Memory({ initial: 16, maximum: 65536, shared: true });
  const { exports } = new WebAssembly.Instance(await modules[build], { env: { memory } });
  const functions = exports as unknown as Functions;
  const bits = new Uint32Array(memory.buffer, X, COUNT);
  const x = new Float32Array(memory.buffer, X, COUNT);
  const out = new Float32Array(memory.buffer, OUT, COUNT);
  return {
    threefry(count: number, ...counter: [number, number, number, number]) {
      functions.threefry(OUT, count, ...counter);
      return [...new Uint32Array(memory.buffer, OUT, count)];
    },
    of(name: Name, values: number[]): number[] {
      x.fill(0).set(values);
      functions[name](X, OUT, 64);
      return [...out.subarray(0, values.length)];
    },
    /** The results for raw bits. */
    ofBits(name: Name, values: number[]): number[] {
      bits.fill(0).set(values);
      functions[name](X, OUT, 64);
      return [...out.subarray(0, values.length)];
    },
    /** Calls `visit` with samples of all floats between two numbers. */
    sample(name: Name, low: number, high: number, visit: (x: number, y: number) => void) {
      for (let first = 0; first < 2 ** 32; first += STRIDE * COUNT) {
        for (let i = 0; i < COUNT; i++) bits[i] = Math.min(first + i * STRIDE, 2 ** 32 - 1);
        functions[name](X, OUT, COUNT);
        for (let i = 0; i < COUNT; i++) if (x[i] >= low && x[i] <= high) visit(x[i], out[i]);
      }
    },
  };
}

const SCALE = 2 * Math.sqrt(2 / Math.PI);
const exponent = (x: number) => SCALE * (x + 0.044715 * x ** 3);

const right: Record<Name, (x: number) => number> = {
  exp: Math.exp,
  log: Math.log,
  gelu: (x) => x / (1 + Math.exp(-exponent(x))),
  geluGradient(x) {
    const s = 1 / (1 + Math.exp(-exponent(x)));
    return s + x * SCALE * (1 + 3 * 0.044715 * x * x) * s / (1 + Math.exp(exponent(x)));
  },
};

/** The distance of neighbouring floats at a number. */
const unitAt = (y: number) => 2 ** (Math.max(-126, Math.floor(Math.log2(Math.abs(y)))) - 23);

interface Bound {
  name: Name;
  low: number;
  high: number;
  /** The largest error allowed, by build, and what it is measured in. */
  relaxed: number;
  plain: number;
  of: "units" | "absolute";
}

/** Where results are smaller than this, they may be anything as small: subnormal results become 0. */
const TINY = 6e-38;
const LARGEST = 3.4028234663852886e38;

const bounds: Bound[] = [
  { name: "exp", low: -Infinity, high: 88.722, relaxed: 0.9, plain: 1.2, of: "units" },
  { name: "log", low: 1e-45, high: LARGEST, relaxed: 0.51, plain: 0.51, of: "units" },
  { name: "gelu", low: -1, high: LARGEST, relaxed: 2, plain: 4, of: "units" },
  { name: "gelu", low: -LARGEST, high: -1, relaxed: 2, plain: 130, of: "units" },
  { name: "geluGradient", low: -LARGEST, high: LARGEST, relaxed: 3e-7, plain: 4e-7, of: "absolute" },
  { name: "geluGradient", low: -9.5, high: -1, relaxed: 9, plain: 130, of: "units" },
];

for (const build of ["relaxed", "plain"] as const) {
  for (const { name, low, high, of, [build]: allowed } of bounds) {
    Deno.test(`${name} of the ${build} build is within ${allowed} ${of} from ${low} to ${high}`, async () => {
      const functions = await open(`${build}.wasm`);
      let [worst, where, samples] = [0, 0, 0];
      functions.sample(name, low, high, (x, y) => {
        const want = right[name](x);
        if (Math.abs(want) < TINY && Math.abs(y) < TINY) return;
        const error = Math.abs(y - want) / (of === "units" ? unitAt(want) : 1);
        samples++;
        if (!(error <= worst)) [worst, where] = [error, x];
      });
      if (samples < 1000) throw new Error(`only ${samples} samples`);
      if (!(worst <= allowed)) throw new Error(`at ${where} it is off by ${worst}`);
    });
  }

  Deno.test(`the functions of the ${build} build are right at zeros, infinities and NaN`, async () => {
    const functions = await open(`${build}.wasm`);
    const values = [0, -0, Infinity, -Infinity, NaN];
    assertEquals(functions.of("exp", values), [1, 1, Infinity, 0, NaN]);
    assertEquals(functions.of("exp", [88.72283, 88.73, 1e38, -88, -1e38, -87.5].map(Math.fround)).slice(1), [
      Infinity,
      Infinity,
      0,
      0,
      0,
    ]);
    assertEquals(functions.of("log", values), [-Infinity, -Infinity, Infinity, NaN, NaN]);
    assertEquals(functions.of("log", [1, -1]), [0, NaN]);
    assertEquals(functions.of("gelu", values), [0, -0, Infinity, -0, NaN]);
    assertEquals(functions.of("gelu", [11, -11]), [11, -0]);
    const slopes = functions.of("geluGradient", [...values, 11, -11]);
    assertEquals(slopes.map((y) => Math.abs(y) < 3e-36 ? 0 : y), [0.5, 0.5, 1, 0, NaN, 1, 0]);
    const payloads = [0x7fc12345, 0xffffffff, 0x7f800001, 0xff800001];
    for (const name of ["exp", "log", "gelu", "geluGradient"] as const) {
      assertEquals(functions.ofBits(name, payloads), [NaN, NaN, NaN, NaN]);
    }
  });

  Deno.test(`the ${build} build draws the words of random.ts, where counters wrap around too`, async () => {
    const functions = await open(`${build}.wasm`);
    for (const [key0, key1, counter] of [[0, 0, 0], [0xdeadbeef, 77, 0xfffffff0], [5, 0xffffffff, 12345]]) {
      const want = Array.from({ length: 32 }, (_, i) => threefry(key0, key1, (counter + i) >>> 0, 3 << 20)).flat();
      assertEquals(functions.threefry(64, key0, key1, counter, 3 << 20), want);
    }
  });
}

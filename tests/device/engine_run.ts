/**
 * Runs every op of op_cases.ts and the products of matmul_products.ts on the CPU device, and prints one line for each: what it was and a
 * hash of the bits that it wrote. engine_test.ts starts it in engines with different flags. `plain` as argument: without relaxed SIMD.
 */
import { createHash } from "node:crypto";
import { openCpuDevice } from "../../src/device/cpu/device.ts";
import type { Op } from "../../src/program/op.ts";
import { describe } from "../../src/program/tensor.ts";
import { operands } from "../../src/program/op.ts";
import { type OperandData, runOn } from "./harness.ts";
import { dataOf, EPILOGUES, LAYOUTS, product, SHAPES } from "./matmul_products.ts";
import { cases } from "./op_cases.ts";

if (import.meta.main) {
  await using device = await openCpuDevice({ threads: 2, plainSimd: Deno.args[0] === "plain" });
  console.log(device.name);
  const run = async (label: string, op: Op, data: OperandData) => {
    const hash = createHash("sha256");
    for (const [name, values] of await runOn(device, op, data)) {
      hash.update(name).update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    }
    const shapes = operands(op).map(([, tensor]) => describe(tensor)).join(" ");
    console.log(`${op.kind} ${label} ${shapes} ${hash.digest("hex")}`);
  };
  for (const { label, op, data = {} } of cases) await run(label, op, data);
  const products = LAYOUTS.flatMap((layout) => SHAPES.map(([m, n, k]) => product(layout, m, n, k)));
  for (const op of [...products, ...EPILOGUES]) await run("product", op, Object.fromEntries(dataOf(op)));
}

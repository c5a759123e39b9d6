/** The embedding's backward pass on the CPU where tokens go on through many blocks of the sorted rows. */
import { openCpuDevice } from "../../src/device/cpu/device.ts";
import { sortTokens } from "../../src/model/embedding_order.ts";
import { type DType, persistent, type Tensor } from "../../src/program/tensor.ts";
import { compareWithReference } from "./harness.ts";

const f = (name: string, ...shape: number[]): Tensor => persistent(name, shape);
const u = (name: string, ...shape: number[]): Tensor => persistent(name, shape, "u32" as DType);

/** Token ids with so many rows each, spread over the batch. */
function tokensOf(runs: readonly number[]): Uint32Array {
  const sorted = runs.flatMap((length, token) => Array<number>(length).fill(token));
  return Uint32Array.from(sorted, (_, i) => sorted[(i * 7) % sorted.length]);
}

const RUNS: Record<string, number[]> = {
  "runs that end with a block": [64, 128, 64, 192, 1, 63],
  "runs across blocks": [1, 63, 65, 200, 2, 1, 180],
  "one token everywhere": [512],
  "one row each": Array<number>(512).fill(1),
  "a block that one run enters and another leaves": [100, 60, 352],
};

for (const [label, runs] of Object.entries(RUNS)) {
  Deno.test(`embedding gradients on cpu agree with plain loops: ${label}`, async () => {
    await using device = await openCpuDevice({ threads: 3 });
    const tokens = tokensOf(runs);
    const [count, width] = [tokens.length, 270];
    const op = {
      kind: "embeddingBackward" as const,
      tokens: u("tokens", 4, count / 4),
      order: u("order", count),
      starts: u("starts", count + 1),
      dout: f("dout", count, width),
      dwte: f("dwte", runs.length, width),
      dwpe: f("dwpe", count / 4, width),
    };
    await compareWithReference(device, op, { data: { tokens, ...sortTokens(tokens) } });
  });
}

/** Ops large enough to be shared by several threads give the same bits on 1, 2, 3 and 5 of them. */
import { openCpuDevice } from "../../src/device/cpu/device.ts";
import { sortTokens } from "../../src/model/embedding_order.ts";
import type { Dropout, Op } from "../../src/program/op.ts";
import { persistent, type Tensor } from "../../src/program/tensor.ts";
import { assertEquals } from "./assertions.ts";
import { normals, type OperandData, runOn } from "./harness.ts";

const f = (name: string, ...shape: number[]): Tensor => persistent(name, shape);
const u = (name: string, ...shape: number[]): Tensor => persistent(name, shape, "u32");
const dropout = (): Dropout => ({ rate: 0.1, stream: 2, seed: u("seed", 2) });

interface Case {
  label: string;
  op: Op;
  data?: OperandData;
}

function attentionCases(batch: number, heads: number, sequence: number, headSize: number): Case[] {
  const [count, width] = [batch * sequence, heads * headSize];
  const common = () => ({
    qkv: f("qkv", count, 3 * width),
    out: f("out", count, width),
    lse: f("lse", batch, heads, sequence),
    heads,
    dropout: dropout(),
  });
  const lse = normals(count * heads, 4, 0.2).map((value) => value + 4 + Math.log(sequence));
  const seed = Uint32Array.of(5, 6);
  const label = [batch, heads, sequence, headSize].join("×");
  return [
    { label, op: { kind: "attention", ...common() }, data: { seed } },
    {
      label,
      op: { kind: "attentionBackward", ...common(), dout: f("dout", count, width), dqkv: f("dqkv", count, 3 * width) },
      data: { lse, seed },
    },
  ];
}

function rowCases(rows: number, width: number): Case[] {
  const statistics = () => ({ mean: f("mean", rows), rstd: f("rstd", rows) });
  const label = `${rows}×${width}`;
  return [
    { label, op: { kind: "columnSum", x: f("x", rows, width), out: f("out", width) } },
    { label, op: { kind: "sum", x: f("x", rows, width), out: f("out", 1), scale: 0.5, accumulate: true } },
    { label, op: { kind: "globalNorm", gradients: f("gradients", rows * width), out: f("out", 2), maxNorm: 1 } },
    {
      label,
      op: {
        kind: "layerNormBackward",
        x: f("x", rows, width),
        weight: f("weight", width),
        ...statistics(),
        dout: f("dout", rows, width),
        dx: f("dx", rows, width),
        dweight: f("dweight", width),
        dbias: f("dbias", width),
        accumulate: true,
      },
    },
  ];
}

function embeddingCase(label: string, tokens: Uint32Array, width: number): Case {
  const count = tokens.length;
  return {
    label,
    op: {
      kind: "embeddingBackward",
      tokens: u("tokens", 4, count / 4),
      order: u("order", count),
      starts: u("starts", count + 1),
      dout: f("dout", count, width),
      dwte: f("dwte", 50, width),
      dwpe: f("dwpe", count / 4, width),
    },
    data: { tokens, ...sortTokens(tokens) },
  };
}

function thinCase(transB: boolean): Case {
  const [m, n, k] = [2, 1000, 1536];
  const b = transB ? f("b", n, k) : f("b", k, n);
  const op: Op = { kind: "matmul", a: f("a", m, k), b, out: f("out", m, n), transA: false, transB, accumulate: true };
  return { label: transB ? "thin NT" : "thin NN", op };
}

const cases: Case[] = [
  ...attentionCases(1, 2, 600, 64),
  ...attentionCases(3, 3, 130, 32),
  ...rowCases(1500, 257),
  embeddingCase("spread", Uint32Array.from({ length: 800 }, (_, i) => (i * 37) % 50), 96),
  embeddingCase("one token in most rows", Uint32Array.from({ length: 800 }, (_, i) => i % 9 ? 0 : i % 50), 96),
  thinCase(false),
  thinCase(true),
];

Deno.test("every op that is split gives the same bits on 1, 2, 3 and 5 threads", async () => {
  const results: Map<string, Map<string, unknown>>[] = [];
  for (const threads of [1, 2, 3, 5]) {
    await using device = await openCpuDevice({ threads });
    const outputs = new Map<string, Map<string, unknown>>();
    for (const { label, op, data = {} } of cases) outputs.set(`${op.kind} ${label}`, await runOn(device, op, data));
    results.push(outputs);
  }
  const [one, ...others] = results;
  assertEquals(one.size, cases.length);
  for (const other of others) {
    for (const [name, outputs] of one) {
      const different = [...outputs].filter(([operand, values]) =>
        !sameBits(values as Float32Array, other.get(name)?.get(operand) as Float32Array)
      );
      assertEquals({ name, different: different.map(([operand]) => operand) }, { name, different: [] });
    }
  }
});

function sameBits(a: Float32Array, b: Float32Array): boolean {
  const [x, y] = [a, b].map(({ buffer }) => new Uint32Array(buffer));
  return x.length === y.length && x.every((word, i) => word === y[i]);
}

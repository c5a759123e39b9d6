/** Ops of every kind over odd shapes, for the tests that run them on devices. Matmul and attention have files of their own too. */
import type { Dropout, Op } from "../../src/program/op.ts";
import { IGNORE } from "../../src/program/op.ts";
import { type DType, persistent, type Tensor } from "../../src/program/tensor.ts";
import { threefry } from "../../src/program/random.ts";
import { sortTokens } from "../../src/model/embedding_order.ts";
import { normals, type Tolerance } from "./harness.ts";
import { sampleOp } from "./sample_op.ts";

export interface Case extends Tolerance {
  label: string;
  op: Op;
}

const f = (name: string, ...shape: number[]): Tensor => persistent(name, shape);
const u = (name: string, ...shape: number[]): Tensor => persistent(name, shape, "u32" as DType);

/** Uniform integers below `limit`. */
function integers(count: number, limit: number, seed = 5): Uint32Array {
  return Uint32Array.from({ length: count }, (_, i) => threefry(seed, 3, i, limit)[0] % limit);
}

const ROWS_AND_WIDTHS = [[1, 1], [3, 5], [2, 64], [7, 48], [17, 130], [65, 384], [5, 1027], [2, 4096]];

const dropoutOf = (rate: number, stream = 3): Dropout => ({ rate, stream, seed: u("seed", 2) });
const seed = Uint32Array.of(0x12345678, 41);

function embeddingCases(): Case[] {
  return [[1, 1, 1, 1], [2, 3, 7, 5], [3, 17, 257, 64], [2, 20, 131, 48], [4, 33, 1031, 66]].flatMap(
    ([batch, sequence, vocabulary, width]) => {
      const count = batch * sequence;
      const tokens = integers(count, vocabulary);
      const { order, starts } = sortTokens(tokens);
      const skewed = tokens.map((token, i) => i % 3 ? 0 : token);
      const sortedSkewed = sortTokens(skewed);
      const tables = () => ({ wte: f("wte", vocabulary, width), wpe: f("wpe", sequence + 2, width) });
      const backward = (): Op => ({
        kind: "embeddingBackward",
        tokens: u("tokens", batch, sequence),
        order: u("order", count),
        starts: u("starts", count + 1),
        dout: f("dout", count, width),
        dwte: f("dwte", vocabulary, width),
        dwpe: f("dwpe", sequence + 2, width),
      });
      const out = () => f("out", count, width);
      return [
        {
          label: "whole",
          op: { kind: "embedding", tokens: u("tokens", batch, sequence), ...tables(), out: out() },
          data: { tokens },
        },
        {
          label: "from a start",
          op: {
            kind: "embedding",
            tokens: u("tokens", batch, sequence),
            start: u("start", batch),
            ...tables(),
            out: out(),
          },
          data: { tokens, start: integers(batch, 4) },
        },
        { label: "backward", op: backward(), data: { tokens, order, starts } },
        { label: "backward, one token in most rows", op: backward(), data: { tokens: skewed, ...sortedSkewed } },
      ] as Case[];
    },
  );
}

function rowCases(): Case[] {
  return ROWS_AND_WIDTHS.flatMap(([count, width]) => {
    const x = normals(count * width, 3).map((value) => value * 2 + 0.5);
    const statistics = () => ({ mean: f("mean", count), rstd: f("rstd", count) });
    const rstd = normals(count, 9).map((value) => 0.5 + Math.abs(value));
    const backward = (accumulate: boolean): Case => ({
      label: accumulate ? "added to dx" : "into dx",
      op: {
        kind: "layerNormBackward",
        x: f("x", count, width),
        weight: f("weight", width),
        ...statistics(),
        dout: f("dout", count, width),
        dx: f("dx", count, width),
        dweight: f("dweight", width),
        dbias: f("dbias", width),
        accumulate,
      },
      data: { x, rstd },
    });
    const norm: Case = {
      label: "forward",
      op: {
        kind: "layerNorm",
        x: f("x", count, width),
        weight: f("weight", width),
        bias: f("bias", width),
        out: f("out", count, width),
        ...statistics(),
        epsilon: 1e-5,
      },
      data: { x },
    };
    return [
      norm,
      backward(false),
      backward(true),
      { label: "of rows", op: { kind: "columnSum", x: f("x", count, width), out: f("out", width) } },
      {
        label: "of wide range",
        op: { kind: "gelu", x: f("x", count, width), out: f("out", count, width) },
        data: { x: x.map((v) => v * 4) },
      },
      {
        label: "of wide range",
        op: { kind: "geluBackward", x: f("x", count, width), gradient: f("gradient", count, width) },
        data: { x: x.map((v) => v * 4) },
      },
      {
        label: "plain",
        op: { kind: "dropout", x: f("x", count, width), out: f("out", count, width), dropout: dropoutOf(0.1) },
        data: { seed },
      },
      {
        label: "with residual",
        op: {
          kind: "dropout",
          x: f("x", count, width),
          residual: f("residual", count, width),
          out: f("out", count, width),
          dropout: dropoutOf(0.5, 100),
        },
        data: { seed },
      },
      {
        label: "into",
        op: { kind: "sum", x: f("x", count, width), out: f("out", 1), scale: 0.25, accumulate: false },
        data: { x },
      },
      {
        label: "added",
        op: { kind: "sum", x: f("x", count, width), out: f("out", 1), scale: 0.25, accumulate: true },
        data: { x },
      },
    ] as Case[];
  });
}

function lossCases(): Case[] {
  return [[1, 1], [3, 7], [5, 131], [4, 1031], [2, 50257], [9, 1024]].flatMap(([count, vocabulary]) => {
    const targets = integers(count, vocabulary);
    if (count > 2) targets[1] = IGNORE;
    const logits = normals(count * vocabulary, 21, 4);
    const large = logits.map((value) => value * 50);
    const op = (gradientScale: number | null): Op => ({
      kind: "crossEntropy",
      logits: f("logits", count, vocabulary),
      targets: u("targets", count),
      losses: f("losses", count),
      gradientScale,
    });
    return [
      { label: "loss only", op: op(null), data: { targets, logits } },
      { label: "with gradient", op: op(1 / 7), data: { targets, logits } },
      { label: "with large logits", op: op(1), data: { targets, logits: large } },
    ];
  });
}

function updateCases(): Case[] {
  return [1, 3, 64, 1000, 70_001].flatMap((count) => {
    const gradients = normals(count, 31, 0.3);
    const adamW = (decay: boolean): Case => ({
      label: decay ? "with decay" : "without decay",
      op: {
        kind: "adamW",
        parameters: f("parameters", count),
        gradients: f("gradients", count),
        moment1: f("moment1", count),
        moment2: f("moment2", count),
        norm: f("norm", 2),
        hyper: f("hyper", 3),
        beta1: 0.9,
        beta2: 0.95,
        epsilon: 1e-8,
        decay,
      },
      data: {
        gradients,
        moment2: normals(count, 33).map((value) => value * value),
        norm: Float32Array.of(3, 0.7),
        hyper: Float32Array.of(1e-3, 1.2, 0.01),
      },
    });
    return [
      {
        label: "clipped",
        op: { kind: "globalNorm", gradients: f("gradients", count), out: f("out", 2), maxNorm: 0.1 },
        data: { gradients },
      },
      {
        label: "not clipped",
        op: { kind: "globalNorm", gradients: f("gradients", count), out: f("out", 2), maxNorm: 0 },
        data: { gradients },
      },
      adamW(true),
      adamW(false),
    ] as Case[];
  });
}

function attentionCases(): Case[] {
  return [[1, 1, 1, 16], [2, 1, 3, 20], [1, 2, 17, 64], [2, 3, 33, 48], [1, 1, 65, 128], [2, 2, 40, 33]].flatMap(
    ([batch, heads, sequence, headSize]) => {
      const count = batch * sequence;
      const width = heads * headSize;
      const common = (dropout?: Dropout) => ({
        qkv: f("qkv", count, 3 * width),
        out: f("out", count, width),
        lse: f("lse", batch, heads, sequence),
        heads,
        ...(dropout ? { dropout } : {}),
      });
      const backward = (dropout?: Dropout): Op => ({
        kind: "attentionBackward",
        ...common(dropout),
        dout: f("dout", count, width),
        dqkv: f("dqkv", count, 3 * width),
      });
      // The backward pass is a function of lse and out as they come; realistic magnitudes keep exp in range.
      const lse = normals(count * heads, 41, 0.2).map((value) => value + 3 + Math.log(sequence));
      return [
        { label: "plain", op: { kind: "attention", ...common() } },
        { label: "with dropout", op: { kind: "attention", ...common(dropoutOf(0.2)) }, data: { seed } },
        { label: "plain", op: backward(), data: { lse } },
        { label: "with dropout", op: backward(dropoutOf(0.2)), data: { lse, seed } },
      ] as Case[];
    },
  );
}

function cacheCases(): Case[] {
  return [[1, 1, 1, 16, 1], [2, 3, 1, 48, 40], [3, 2, 5, 20, 9], [2, 4, 17, 64, 130]].flatMap(
    ([batch, heads, sequence, headSize, positions]) => {
      const common = () => ({
        qkv: f("qkv", batch * sequence, 3 * heads * headSize),
        start: u("start", batch),
        keys: f("keys", batch, heads, positions, headSize),
        values: f("values", batch, heads, positions, headSize),
      });
      const start = integers(batch, positions);
      return [
        { label: "", op: { kind: "cacheAppend", ...common() }, data: { start } },
        {
          label: "",
          op: { kind: "cachedAttention", ...common(), out: f("out", batch * sequence, heads * headSize) },
          data: { start },
        },
      ] as Case[];
    },
  );
}

function sampleCases(): Case[] {
  const settings: Record<string, number[]> = {
    "greedy": [1, 1, 0, 1, 1, 0, 9, 2],
    "greedy with penalty": [1, 1, 0, 1, 1.7, 0, 9, 2],
    "plain sampling": [0, 1, 0, 1, 1, 0, 9, 2],
    "sampling at a low temperature": [0, 0.4, 0, 1, 1, 0, 9, 2],
    "top-k": [0, 1.3, 5, 1, 1, 0, 9, 2],
    "top-p": [0, 1, 0, 0.6, 1, 0, 9, 2],
    "everything": [0, 0.8, 10, 0.9, 1.2, 3, 4, 2],
    "no end of text": [0, 1, 0, 1, 1, 0, 4, -1],
  };
  return [[1, 3], [4, 131], [3, 1031], [2, 50257]].flatMap(([batch, vocabulary]) =>
    Object.entries(settings).map(([label, values]): Case => ({
      label,
      op: sampleOp(batch, vocabulary, 9, 12),
      data: {
        logits: normals(batch * vocabulary, 51, 3),
        settings: Float32Array.from(values),
        seed,
        sequence: Uint32Array.from({ length: batch }, (_, i) => 100 + i),
        seen: integers(batch * vocabulary, 2, 8),
        positions: Uint32Array.from({ length: batch }, (_, i) => 8 + i),
        count: Uint32Array.from({ length: batch }, (_, i) => i + 1),
        finished: Uint32Array.from({ length: batch }, (_, i) => i === 2 ? 1 : 0),
      },
    }))
  );
}

function matmulCases(): Case[] {
  const shapes = [[1, 1, 1], [3, 5, 7], [17, 33, 65], [64, 64, 64], [66, 130, 31], [1, 257, 48], [130, 3, 300]];
  return shapes.flatMap(([m, n, k]) =>
    [[false, false], [false, true], [true, false]].flatMap(([transA, transB]) => {
      const common = (accumulate: boolean) => ({
        kind: "matmul" as const,
        a: transA ? f("a", k, m) : f("a", m, k),
        b: transB ? f("b", n, k) : f("b", k, n),
        out: f("out", m, n),
        transA,
        transB,
        accumulate,
      });
      const kind = `${transA ? "T" : "N"}${transB ? "T" : "N"}`;
      return [
        { label: kind, op: common(false) },
        { label: `${kind} added`, op: common(true) },
        {
          label: `${kind} with bias and residual`,
          op: { ...common(false), bias: f("bias", n), residual: f("residual", m, n) },
        },
        {
          label: `${kind} with bias and gelu`,
          op: { ...common(false), bias: f("bias", n), activation: "gelu", pre: f("pre", m, n) },
        },
      ] as Case[];
    })
  );
}

/** All of them. */
export const cases: readonly Case[] = [
  ...embeddingCases(),
  ...rowCases(),
  ...lossCases(),
  ...updateCases(),
  ...attentionCases(),
  ...cacheCases(),
  ...sampleCases(),
  ...matmulCases(),
];

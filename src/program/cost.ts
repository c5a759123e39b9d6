/** The cost model: floating-point operations and bytes moved to and from memory, by op, at the least that the op needs. */
import { type Op, operands, writes } from "./op.ts";
import type { Program } from "./program.ts";
import { byteSize, elementCount, type Tensor } from "./tensor.ts";

export interface Cost {
  /** Floating-point operations; a multiply-add counts two. */
  readonly flops: number;
  /** Bytes read and written once each, as if caches were perfect. */
  readonly bytes: number;
}

function causalPairs(lse: Tensor): number {
  const [batch, heads, sequence] = lse.shape;
  return batch * heads * sequence * (sequence + 1) / 2;
}

function flops(op: Op): number {
  switch (op.kind) {
    case "matmul": {
      const inner = op.transA ? op.a.shape[0] : op.a.shape[1];
      return 2 * elementCount(op.out.shape) * inner;
    }
    case "attention":
      return 4 * causalPairs(op.lse) * (op.out.shape[1] / op.heads);
    case "attentionBackward":
      return 10 * causalPairs(op.lse) * (op.out.shape[1] / op.heads);
    case "cachedAttention": {
      const [, heads, positions, headSize] = op.keys.shape;
      return 4 * op.qkv.shape[0] * heads * positions * headSize;
    }
    case "layerNorm":
      return 8 * elementCount(op.x.shape);
    case "layerNormBackward":
      return 14 * elementCount(op.x.shape);
    case "gelu":
      return 15 * elementCount(op.x.shape);
    case "geluBackward":
      return 25 * elementCount(op.x.shape);
    case "crossEntropy":
      return 6 * elementCount(op.logits.shape);
    case "adamW":
      return 14 * elementCount(op.parameters.shape);
    case "globalNorm":
      return 2 * elementCount(op.gradients.shape);
    case "sample":
      return 6 * elementCount(op.logits.shape);
    case "columnSum":
    case "sum":
    case "dropout":
      return 2 * elementCount(op.x.shape);
    case "embedding":
      return elementCount(op.out.shape);
    case "embeddingBackward":
      return 2 * elementCount(op.dout.shape);
    case "cacheAppend":
      return 0;
    default:
      return op satisfies never;
  }
}

function bytes(op: Op): number {
  const written = new Set(writes(op));
  let total = 0;
  for (const [name, tensor] of operands(op)) {
    if (op.kind === "embedding" && name === "wte") total += byteSize(op.out);
    else if (op.kind === "embeddingBackward" && name === "dwte") total += 2 * byteSize(op.dout);
    else if (op.kind === "cacheAppend" && name !== "qkv") total += name === "start" ? 0 : byteSize(op.qkv) / 3;
    else if (op.kind === "sample" && name === "generated") total += 4 * tensor.shape[0];
    else total += byteSize(tensor) * (written.has(tensor) && isUpdated(op, name) ? 2 : 1);
  }
  return total;
}

function isUpdated(op: Op, name: string): boolean {
  switch (op.kind) {
    case "matmul":
      return name === "out" && op.accumulate;
    case "layerNormBackward":
      return name !== "dx" || op.accumulate;
    case "columnSum":
    case "geluBackward":
    case "adamW":
    case "embeddingBackward":
      return true;
    case "crossEntropy":
      return name === "logits" && op.gradientScale !== null;
    default:
      return false;
  }
}

/** Cost of one op. */
export function opCost(op: Op): Cost {
  return { flops: flops(op), bytes: bytes(op) };
}

/** Summed cost of a Program's ops. */
export function programCost(program: Program): Cost {
  let total: Cost = { flops: 0, bytes: 0 };
  for (const op of program.ops) {
    const cost = opCost(op);
    total = { flops: total.flops + cost.flops, bytes: total.bytes + cost.bytes };
  }
  return total;
}

/**
 * The calls of a matrix product with few rows (kernels/cpu/matmul_thin.ts), which is bound by reading b. Everything here depends on
 * the shape alone, so results do not depend on the number of threads.
 */
import { KernelId } from "../../../kernels/cpu/kernel_id.ts";
import type { Matmul } from "../../program/op.ts";
import { alignUp, type Tensor } from "../../program/tensor.ts";
import { at, type Call, NONE, scratchAt } from "./kernel.ts";

/** Most rows of a for which reading b bounds the product, so that packing it would cost more than it saves. */
const MAX_ROWS = 4;
/**
 * Elements of b in an item, about: 128 KB, which second-level caches hold. And the least number of rows of a block, so that its sums
 * are a small part of the traffic.
 */
const ITEM = 32768;
const BLOCK_ROWS = 32;
/** Columns of an item of the second stage; FINISH_COLUMNS of the kernel. */
const FINISH_COLUMNS = 512;

/** Bits of the flags. */
const GELU = 1;
const ACCUMULATE = 2;

/** Whether a product is thin. */
export function isThin({ out, transA }: Matmul): boolean {
  return out.shape[0] <= MAX_ROWS && !transA;
}

function blocksOf({ a: { shape: [, k] }, out: { shape: [, n] } }: Matmul) {
  const rowsPerBlock = Math.max(BLOCK_ROWS, alignUp(Math.ceil(ITEM / n), 4));
  return { rowsPerBlock, blocks: Math.ceil(k / rowsPerBlock) };
}

/** Elements of scratch memory of a thin product: sums of blocks of b's rows. */
export function thinScratch(op: Matmul): number {
  const [m, n] = op.out.shape;
  return op.transB ? 0 : blocksOf(op).blocks * m * alignUp(n, 4);
}

/** The calls of a product with few rows, null where it is no such. */
export function thinCalls(op: Matmul): Call[] | null {
  if (!isThin(op)) return null;
  const [m, n] = op.out.shape;
  const k = op.a.shape[1];
  const optional = (tensor?: Tensor) => tensor ? at(tensor) : NONE;
  const operands = [at(op.a), at(op.b), at(op.out), optional(op.bias), optional(op.pre), optional(op.residual)];
  const flags = (op.activation ? GELU : 0) | (op.accumulate ? ACCUMULATE : 0);
  if (op.transB) {
    const rowsPerItem = alignUp(Math.ceil(ITEM / k), 4);
    return [{
      kernel: KernelId.thinDots,
      items: Math.ceil(n / rowsPerItem),
      args: [...operands, m, n, k, flags, rowsPerItem],
    }];
  }
  const { rowsPerBlock, blocks } = blocksOf(op);
  const args = [...operands, m, n, k, flags, rowsPerBlock, scratchAt(), blocks];
  return [
    { kernel: KernelId.thinBlocks, items: blocks, args },
    { kernel: KernelId.thinFinish, items: Math.ceil(n / FINISH_COLUMNS), args },
  ];
}

/** The calls of a matrix product by the system BLAS (kernels/cpu/matmul_blas.ts): which products it takes, and in what tiles. */
import { WORKER_SCRATCH_BYTES } from "../../../kernels/cpu/control.ts";
import { KernelId } from "../../../kernels/cpu/kernel_id.ts";
import type { Matmul } from "../../program/op.ts";
import type { Tensor } from "../../program/tensor.ts";
import { at, type Call, NONE } from "./kernel.ts";

/** The kernel's flags. */
const TRANS_A = 1;
const TRANS_B = 2;
const GELU = 4;
const ACCUMULATE = 8;

/** Sides of a product's tile are multiples of this, but for the last one's. */
const GRAIN = 16;
/** Elements of a tile at most: it fits into a worker's scratch memory, and half of it into a core's cache. */
const MAX_TILE = Math.min(2 ** 19, WORKER_SCRATCH_BYTES / 4);

/** Below these a product is not worth a library's packing. */
const LEAST_SIDE = 16;
const LEAST_WORK = 2 ** 17;

/**
 * A library packs its operands anew for every tile. What that costs, in multiply-adds for each element packed, as measured with OpenBLAS;
 * b is dearer where its rows have to be transposed. And what an item costs in any case.
 */
const PACK_A = 7;
const PACK_B = 13;
const PACK_B_TRANSPOSED = 26;
const ITEM = 50_000;

/** Numbers of threads for which the tiles are to be good. The machine's own number may not count: it would change the results. */
const THREADS = [2, 4, 8];

interface Sizes {
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

function sizesOf({ a, out, transA }: Matmul): Sizes {
  const [m, n] = out.shape;
  return { m, n, k: transA ? a.shape[0] : a.shape[1] };
}

/** Sides of tiles that cut an extent into 1, 2, 3 … about equal pieces. */
function* sidesOf(extent: number): Generator<number> {
  let last = 0;
  for (let pieces = 1; pieces === 1 || extent / pieces >= LEAST_SIDE; pieces++) {
    const side = Math.ceil(extent / pieces / GRAIN) * GRAIN;
    if (side !== last) yield side;
    last = side;
  }
}

/** The tile whose products take the least processor time, waiting for the last item included, over several numbers of threads. */
export function chooseTile({ m, n, k }: Sizes, transB: boolean): { rows: number; columns: number } {
  const packB = transB ? PACK_B_TRANSPOSED : PACK_B;
  let best = { rows: GRAIN, columns: GRAIN };
  let least = Infinity;
  for (const rows of sidesOf(m)) {
    for (const columns of sidesOf(n)) {
      if (rows * columns > MAX_TILE) continue;
      const items = Math.ceil(m / rows) * Math.ceil(n / columns);
      const work = k * (rows * columns + PACK_A * rows + packB * columns) + ITEM;
      const cost = THREADS.reduce((sum, threads) => sum + Math.ceil(items / threads) * threads * work, 0);
      if (cost < least) [least, best] = [cost, { rows, columns }];
    }
  }
  return best;
}

/** Whether a product is large enough to gain by the system BLAS. */
export function wantsBlas(op: Matmul): boolean {
  const { m, n, k } = sizesOf(op);
  return Math.min(m, n, k) >= LEAST_SIDE && m * n * k >= LEAST_WORK;
}

/** The calls of a product of any size, with every epilogue. */
export function blasCalls(op: Matmul): Call[] {
  const { m, n, k } = sizesOf(op);
  const { rows, columns } = chooseTile({ m, n, k }, op.transB);
  const optional = (tensor?: Tensor) => tensor ? at(tensor) : NONE;
  const flags = (op.transA ? TRANS_A : 0) | (op.transB ? TRANS_B : 0) | (op.activation ? GELU : 0) |
    (op.accumulate ? ACCUMULATE : 0);
  return [{
    kernel: KernelId.matmulBlas,
    items: Math.ceil(m / rows) * Math.ceil(n / columns),
    args: [
      ...[at(op.a), at(op.b), at(op.out), optional(op.bias), optional(op.pre), optional(op.residual)],
      ...[m, n, k, rows, columns, flags],
    ],
  }];
}

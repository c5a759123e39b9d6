/**
 * The calls of a matrix product by packed panels (kernels/cpu/matmul.ts). The operand with the smaller side in the product is
 * packed for all workers, in slabs of k where it is large; the other one is packed strip by strip by the items that use it.
 * Everything here depends on the shape alone, so results do not depend on the number of threads.
 */
import { KernelId } from "../../../kernels/cpu/kernel_id.ts";
import type { Matmul } from "../../program/op.ts";
import { type Argument, at, type Call, NONE, scratchAt } from "./kernel.ts";

/** The register tile: rows of a, columns of b. */
const TILE_ROWS = 4;
const TILE_COLUMNS = 16;
/** Most k of a block: a panel of b then takes half of 32 KiB of first-level cache. */
const MAX_BLOCK = 256;
/** Elements of the shared operand packed at a time, where a block of k is not more. */
const SLAB_ELEMENTS = 2 ** 20;
/** Strips that keep a dozen threads busy, and the work that is worth an item, in multiply-adds. */
const STRIPS = 24;
const STRIP_WORK = 500_000;
/** Most lines of a strip: their panels stay in the second-level cache. */
const MAX_STRIP_LINES = 192;
/** Elements packed by an item. */
const PACK_ELEMENTS = 32768;

/** Bits of the epilogue's flags (kernels/cpu/matmul_epilogue.ts). */
const GELU = 1;
const ACCUMULATE = 2;
const ADD_FIRST = 4;

/** How a product is carried out. */
interface Plan {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Whether b is the operand packed in strips. */
  readonly streamB: boolean;
  /** Length of a block of k. */
  readonly block: number;
  /** Length of a slab of k, whole blocks. */
  readonly slab: number;
  readonly panelsPerStrip: number;
  /** Panels of the operand that is packed for all. */
  readonly sharedPanels: number;
  readonly sharedElements: number;
  /** Elements for sums that no tensor has room for. */
  readonly sumElements: number;
}

function planMatmul(op: Matmul): Plan {
  const [m, n] = op.out.shape;
  const k = op.transA ? op.a.shape[0] : op.a.shape[1];
  const streamB = n >= m;
  const [streamSize, sharedSize] = streamB ? [TILE_COLUMNS, TILE_ROWS] : [TILE_ROWS, TILE_COLUMNS];
  const sharedPanels = Math.ceil((streamB ? m : n) / sharedSize);
  const streamPanels = Math.ceil((streamB ? n : m) / streamSize);
  const sharedLines = sharedPanels * sharedSize;
  const block = Math.ceil(k / Math.ceil(k / MAX_BLOCK));
  const slab = Math.min(k, block * Math.max(1, Math.floor(SLAB_ELEMENTS / (block * sharedLines))));
  const panelWork = streamSize * sharedLines * slab;
  const wanted = Math.max(Math.floor(streamPanels / STRIPS), Math.ceil(STRIP_WORK / panelWork));
  const panelsPerStrip = Math.min(Math.max(wanted, 1), MAX_STRIP_LINES / streamSize, streamPanels);
  const homeless = block < k && op.accumulate && op.activation !== undefined && !op.pre;
  return {
    m,
    n,
    k,
    streamB,
    block,
    slab,
    panelsPerStrip,
    sharedPanels,
    sharedElements: sharedLines * slab,
    sumElements: homeless ? m * n : 0,
  };
}

/** Elements of scratch memory for the operand packed for all, and for sums that have no place in the result. */
export function packedScratch(op: Matmul): number {
  const { sharedElements, sumElements } = planMatmul(op);
  return sharedElements + sumElements;
}

/** The epilogue's words. */
function epilogueArguments(op: Matmul, plan: Plan): Argument[] {
  const linear = !op.activation && !op.pre;
  const sums = op.pre ? at(op.pre) : plan.sumElements > 0 ? scratchAt(plan.sharedElements) : at(op.out);
  const flags = (op.activation ? GELU : 0) | (op.accumulate ? linear ? ADD_FIRST : ACCUMULATE : 0);
  return [
    sums,
    op.bias ? at(op.bias) : NONE,
    op.pre ? at(op.pre) : NONE,
    op.residual ? at(op.residual) : NONE,
    at(op.out),
    plan.n,
    plan.m,
    flags,
  ];
}

/** The calls of a product: for every slab of k, packing, then the strips. */
export function packedCalls(op: Matmul): Call[] {
  const plan = planMatmul(op);
  const { m, n, k, streamB } = plan;
  const a = { tensor: op.a, lines: m, size: TILE_ROWS, rowLength: op.transA ? m : k, linesAreRows: !op.transA };
  const b = { tensor: op.b, lines: n, size: TILE_COLUMNS, rowLength: op.transB ? k : n, linesAreRows: op.transB };
  const [shared, streamed] = streamB ? [a, b] : [b, a];
  const epilogue = epilogueArguments(op, plan);
  const calls: Call[] = [];
  for (let first = 0; first < k; first += plan.slab) {
    const count = Math.min(plan.slab, k - first);
    const panelsPerItem = Math.max(1, Math.floor(PACK_ELEMENTS / (count * shared.size)));
    calls.push({
      kernel: KernelId.matmulPack,
      items: Math.ceil(plan.sharedPanels / panelsPerItem),
      args: [
        at(shared.tensor, first * (shared.linesAreRows ? 1 : shared.rowLength)),
        scratchAt(),
        shared.lines,
        count,
        shared.size,
        shared.rowLength,
        Number(shared.linesAreRows),
        panelsPerItem,
      ],
    }, {
      kernel: KernelId.matmulStrip,
      items: Math.ceil(streamed.lines / (plan.panelsPerStrip * streamed.size)),
      args: [
        ...epilogue,
        scratchAt(),
        at(streamed.tensor),
        streamed.rowLength,
        Number(streamed.linesAreRows),
        Number(streamB),
        plan.panelsPerStrip,
        plan.block,
        first,
        first + count,
        k,
      ],
    });
  }
  return calls;
}

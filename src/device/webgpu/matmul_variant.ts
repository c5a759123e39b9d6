/**
 * Which of the matmul kernels computes a shape on an adapter. Decided from the shape and the adapter's traits alone, so that
 * the same work gives the same bits in every run. Measurements behind the numbers are in docs/log.md.
 */
import type { AdapterTraits } from "./kernel.ts";

/** out (m, n) = a · b over k; a is (k, m) with transA, b is (n, k) with transB. */
export interface MatmulShape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transA: boolean;
  readonly transB: boolean;
}

/** Sums in registers, one subgroup of `lanes` for `rows` rows by 4 · lanes columns (matmul_registers.wgsl). */
export interface Registers {
  readonly kind: "registers";
  readonly rows: number;
  /** Rows whose sums are kept in registers together; divides `rows`. */
  readonly group: number;
  readonly lanes: number;
  /** Whether lanes hand numbers to each other; without, each reads all that it needs. */
  readonly subgroups: boolean;
}

/** Tiles in shared memory (matmul_tiles.wgsl), k cut into `slices` that are added afterwards (matmul_slices.wgsl). */
export interface Tiles {
  readonly kind: "tiles";
  readonly tileM: 64 | 128;
  readonly tileN: 64 | 128;
  readonly slices: number;
}

/** A few rows, k cut over the threads of a workgroup (matmul_thin.wgsl). */
export interface Thin {
  readonly kind: "thin";
  readonly threads: number;
  /** Groups of four columns of a workgroup. */
  readonly columns: number;
}

export type Variant = Registers | Tiles | Thin;

/** Most rows that the thin kernel takes: its sums fill a thread's registers and 16 KiB of shared memory. */
export const THIN_ROWS = 16;

/** k of a tile. */
export const TILE_K = 16;

/** Workgroups that keep a large GPU busy. */
const BUSY_WORKGROUPS = 192;
/** The least k of a slice: below, writing and adding the slices costs more than it brings. */
const LEAST_SLICE = 256;

/** The kernel for a shape on an adapter. */
export function chooseVariant(shape: MatmulShape, adapter: AdapterTraits): Variant {
  if (adapter.software) return chooseRegisters(shape, adapter);
  return shape.m <= THIN_ROWS ? chooseThin(shape) : chooseTiles(shape, adapter);
}

function chooseRegisters({ m, n }: MatmulShape, adapter: AdapterTraits): Registers {
  const lanes = adapter.subgroupSize ?? 0;
  if (lanes < 4) return { kind: "registers", rows: m <= 8 ? 8 : 16, group: 2, lanes: 8, subgroups: false };
  const rows = m <= 8 ? 8 : m <= 16 ? 16 : m <= 32 || n % 4 !== 0 ? 32 : 64;
  return { kind: "registers", rows, group: 2, lanes, subgroups: true };
}

/** Threads for `m` rows, so that the partial sums take at most 16 KiB; columns so that there are workgroups enough. */
function chooseThin({ m, n, transB }: MatmulShape): Thin {
  const threads = m <= 4 ? 256 : m <= 8 ? 128 : 64;
  if (transB) return { kind: "thin", threads, columns: threads / 32 };
  const columns = [16, 8, 4].find((columns) => Math.ceil(n / (4 * columns)) >= BUSY_WORKGROUPS) ?? 4;
  return { kind: "thin", threads, columns };
}

function chooseTiles({ m, n, k }: MatmulShape, adapter: AdapterTraits): Tiles {
  const count = (size: number) => Math.ceil(m / size) * Math.ceil(n / size);
  const large = count(128) >= BUSY_WORKGROUPS && adapter.maxInvocationsPerWorkgroup >= 256 &&
    adapter.maxWorkgroupBytes >= 2 * 128 * 5 * 16;
  if (large) return { kind: "tiles", tileM: 128, tileN: 128, slices: 1 };
  const wanted = Math.ceil(BUSY_WORKGROUPS / count(64));
  const fitting = Math.floor(adapter.maxBindingBytes / 4 / (m * n));
  const slices = wanted < 2 ? 1 : Math.max(1, Math.min(wanted, Math.floor(k / LEAST_SLICE), fitting));
  return { kind: "tiles", tileM: 64, tileN: 64, slices };
}

/**
 * How attention's kernels cut their work: by rows on software adapters, where loads and shared memory are slow and registers
 * are plenty; by shared-memory tiles on hardware, as large as fit the adapter.
 */
import { DeviceError } from "../../errors.ts";
import type { AdapterTraits } from "./kernel.ts";

/**
 * Rows: an invocation for each row (or a few), everything in registers. Tiles: 8 × `down` invocations for 4 · down · groups
 * rows, in shared memory, tile elements `pitch` vec4f long. `rows` is what a workgroup covers.
 */
export type Plan =
  | { readonly family: "rows"; readonly lanes: number; readonly perLane: number; readonly rows: number }
  | {
    readonly family: "tiles";
    readonly down: number;
    readonly groups: number;
    readonly pitch: number;
    readonly rows: number;
  };

/** Invocations of a workgroup by rows: the vector width of software adapters; a few waves where tiles do not fit hardware. */
const SOFTWARE_LANES = 8;
const HARDWARE_LANES = 64;
/** Vectors of 8 lanes that an invocation may keep: more makes lavapipe compile for tens of seconds, fewer makes it slower. */
const LIVE_VECTORS = 512;
/** WGSL loops end after this many iterations on lavapipe, silently. */
const MOST_ITERATIONS = 65535;

/**
 * Work by the row: on a software adapter an invocation takes up to four rows, so that what it loads is used four times.
 * @param count rows
 * @param vectors numbers that each row keeps in registers
 */
export function planRows(count: number, vectors: number, adapter: AdapterTraits): Plan {
  if (!adapter.software) return { family: "rows", lanes: HARDWARE_LANES, perLane: 1, rows: HARDWARE_LANES };
  const most = Math.min(4, LIVE_VECTORS / vectors, Math.ceil(count / SOFTWARE_LANES));
  const perLane = 2 ** Math.max(0, Math.floor(Math.log2(most)));
  return { family: "rows", lanes: SOFTWARE_LANES, perLane, rows: SOFTWARE_LANES * perLane };
}

/**
 * The largest shared-memory tiles that fit the adapter, or rows where none do.
 * @param held tiles of the workgroup's own rows: q forward; q and dout, or k and v, backward
 */
export function planTiles(count: number, headSize: number, held: 1 | 2, adapter: AdapterTraits): Plan {
  const chunks = Math.ceil(headSize / 4);
  for (const pitch of [5, 4]) {
    for (const [down, groups] of [[8, 2], [8, 1], [4, 1]]) {
      const rows = down * 4 * groups;
      if (groups === 2 && (held === 2 || headSize > 64 || count <= 32)) continue;
      const elements = held * chunks * down * groups + chunks * (held === 1 ? 8 : 9) + 8 * down * groups;
      const bytes = elements * pitch * 16 + rows * 36 + 16;
      if (bytes > adapter.maxWorkgroupBytes || down * 8 > adapter.maxInvocationsPerWorkgroup) continue;
      return { family: "tiles", down, groups, pitch, rows };
    }
  }
  return planRows(count, headSize * 2 * held, adapter);
}

/** @throws {DeviceError} where kernels by the row would loop over more positions than lavapipe does */
export function checkPositions(plan: Plan, positions: number): void {
  if (plan.family !== "rows" || positions <= MOST_ITERATIONS) return;
  throw new DeviceError(`attention over ${positions} positions`, {
    where: "attention",
    expected: `at most ${MOST_ITERATIONS} on this adapter`,
    hint: "use a smaller context (--max-seq-len)",
  });
}

/** Template values of a plan. */
export function planValues(plan: Plan, count: number, headSize: number): Record<string, number> {
  const tiles = Math.ceil(count / plan.rows);
  if (plan.family === "rows") return { LANES: plan.lanes, PER_LANE: plan.perLane, TILES: tiles };
  const chunks = Math.ceil(headSize / 4);
  return {
    DOWN: plan.down,
    GROUPS: plan.groups,
    PITCH: plan.pitch,
    TILES: tiles,
    LOADS: Math.ceil(chunks / plan.down),
    OWN_LOADS: plan.rows / 8,
    COLUMNS: Math.ceil(chunks / 8),
    UNROLL: chunks % 2 === 0 ? 2 : 1,
  };
}

/** Sums over rows, in two stages: partial sums of chunks of rows, then the chunks in order. */
import finishSource from "../../../kernels/webgpu/column_finish.wgsl" with { type: "text" };
import source from "../../../kernels/webgpu/column_sum.wgsl" with { type: "text" };
import type { Tensor } from "../../program/tensor.ts";
import type { AdapterTraits, Binding, Dispatch, Kernel } from "./kernel.ts";
import { type Range, type RowOperand, rowRanges, slice } from "./partition.ts";
import { expandTemplate } from "./template.ts";

/** A range of rows, cut into chunks whose partial sums are numbered from `firstChunk` on. */
export interface ChunkedRange {
  readonly range: Range;
  readonly firstChunk: number;
  readonly chunks: number;
}

/** Ranges whose partial sums lie in scratch together, and are added to the result before the next group reuses it. */
export interface ChunkGroup {
  readonly ranges: readonly ChunkedRange[];
  readonly chunks: number;
}

export interface Chunking {
  readonly rowsPerChunk: number;
  /** The most chunks of a group. */
  readonly chunks: number;
  readonly groups: readonly ChunkGroup[];
}

const MIN_ROWS = 32;
const MAX_CHUNKS = 128;

/** Cuts rows into chunks: enough to fill a GPU, and few enough in a group that its partial sums of `columns` columns can be bound. */
export function chunkRows(
  rows: number,
  columns: number,
  operands: readonly RowOperand[],
  adapter: AdapterTraits,
): Chunking {
  const room = Math.max(1, Math.floor(adapter.maxBindingBytes / 4 / columns));
  const rowsPerChunk = Math.max(MIN_ROWS, Math.ceil(rows / Math.min(MAX_CHUNKS, room)));
  const groups: { ranges: ChunkedRange[]; chunks: number }[] = [];
  for (const range of rowRanges(rows, operands, adapter)) {
    const chunks = Math.ceil(range.count / rowsPerChunk);
    let group = groups.at(-1);
    if (!group || group.chunks + chunks > room) groups.push(group = { ranges: [], chunks: 0 });
    group.ranges.push({ range, firstChunk: group.chunks, chunks });
    group.chunks += chunks;
  }
  return { rowsPerChunk, chunks: Math.max(...groups.map(({ chunks }) => chunks)), groups };
}

/** The second stage: out += the partial sums at `partials`, (chunks, columns). */
export function finishColumns(label: string, partials: Binding, chunks: number, out: Tensor): Dispatch {
  const [columns] = out.shape;
  return {
    label,
    source: expandTemplate(finishSource, { COLUMNS: columns, CHUNKS: chunks }),
    bindings: [partials, { of: out }],
    workgroups: [Math.ceil(columns / 64), 1, 1],
  };
}

/** Columns in vectors of four where their number allows. */
export function columnLayout(columns: number) {
  const size = columns % 4 === 0 ? 4 : 1;
  const width = columns / size;
  return { size, width, values: { VECTOR: size === 4 ? "vec4f" : "f32", WIDTH: width } };
}

function chunkingOf(x: Tensor, adapter: AdapterTraits): Chunking {
  const [rows, columns] = x.shape;
  return chunkRows(rows, columns, [{ tensor: x, perRow: columns }], adapter);
}

export const columnSum: Kernel<"columnSum"> = {
  scratch: ({ x }, adapter) => chunkingOf(x, adapter).chunks * x.shape[1],
  dispatches({ x, out }, adapter) {
    const columns = x.shape[1];
    const { size, width, values } = columnLayout(columns);
    const { rowsPerChunk, groups } = chunkingOf(x, adapter);
    return groups.flatMap((group) => {
      const partials: Binding = { of: "scratch", elements: group.chunks * columns };
      const dispatches = group.ranges.map(({ range, firstChunk, chunks }): Dispatch => {
        const { binding, skip } = slice({ tensor: x, perRow: columns }, range);
        return {
          label: "columnSum",
          source: expandTemplate(source, {
            ...values,
            ROWS: range.count,
            CHUNK: rowsPerChunk,
            X_SKIP: skip / size,
            PARTIALS_SKIP: firstChunk * width,
          }),
          bindings: [binding, partials],
          workgroups: [Math.ceil(width / 32), chunks, 1],
        };
      });
      return [...dispatches, finishColumns("columnSum.finish", partials, group.chunks, out)];
    });
  },
};

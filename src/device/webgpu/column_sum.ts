/** Sums over rows, in two stages: partial sums of chunks of rows, then the chunks in order. */
import finishSource from "../../../kernels/webgpu/column_finish.wgsl" with { type: "text" };
import source from "../../../kernels/webgpu/column_sum.wgsl" with { type: "text" };
import type { Tensor } from "../../program/tensor.ts";
import type { AdapterTraits, Binding, Dispatch, Kernel } from "./kernel.ts";
import { type Range, type RowOperand, rowRanges } from "./partition.ts";
import { slice } from "./partition.ts";
import { expandTemplate } from "./template.ts";

/** A range of rows, cut into chunks whose partial sums are numbered from `firstChunk` on. */
export interface ChunkedRange {
  readonly range: Range;
  readonly firstChunk: number;
  readonly chunks: number;
}

export interface Chunking {
  readonly rowsPerChunk: number;
  readonly chunks: number;
  readonly ranges: readonly ChunkedRange[];
}

const MIN_ROWS = 32;
const MAX_CHUNKS = 128;

/** Cuts rows into chunks: enough to fill a GPU, few enough that the partial sums of `columns` columns can be bound. */
export function chunkRows(
  rows: number,
  columns: number,
  operands: readonly RowOperand[],
  adapter: AdapterTraits,
): Chunking {
  const ranges = rowRanges(rows, operands, adapter);
  const room = Math.floor(adapter.maxBindingBytes / 4 / columns) - ranges.length;
  const rowsPerChunk = Math.max(MIN_ROWS, Math.ceil(rows / Math.max(1, Math.min(MAX_CHUNKS, room))));
  let chunks = 0;
  const chunked = ranges.map((range) => {
    const firstChunk = chunks;
    chunks += Math.ceil(range.count / rowsPerChunk);
    return { range, firstChunk, chunks: chunks - firstChunk };
  });
  return { rowsPerChunk, chunks, ranges: chunked };
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

function chunkingOf(x: Tensor, adapter: AdapterTraits): Chunking {
  const [rows, columns] = x.shape;
  return chunkRows(rows, columns, [{ tensor: x, perRow: columns }], adapter);
}

export const columnSum: Kernel<"columnSum"> = {
  scratch: ({ x }, adapter) => chunkingOf(x, adapter).chunks * x.shape[1],
  dispatches({ x, out }, adapter) {
    const columns = x.shape[1];
    const { rowsPerChunk, chunks, ranges } = chunkingOf(x, adapter);
    const partials: Binding = { of: "scratch", elements: chunks * columns };
    const dispatches = ranges.map(({ range, firstChunk, chunks }): Dispatch => {
      const { binding, skip } = slice({ tensor: x, perRow: columns }, range);
      return {
        label: "columnSum",
        source: expandTemplate(source, {
          ROWS: range.count,
          COLUMNS: columns,
          CHUNK: rowsPerChunk,
          X_SKIP: skip,
          PARTIALS_SKIP: firstChunk * columns,
        }),
        bindings: [binding, partials],
        workgroups: [Math.ceil(columns / 64), chunks, 1],
      };
    });
    return [...dispatches, finishColumns("columnSum.finish", partials, chunks, out)];
  },
};

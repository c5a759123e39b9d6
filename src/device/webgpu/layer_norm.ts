/** Layer norm on WebGPU, forward and backward. */
import backwardSource from "../../../kernels/webgpu/layer_norm_backward.wgsl" with { type: "text" };
import columnsSource from "../../../kernels/webgpu/layer_norm_columns.wgsl" with { type: "text" };
import forwardSource from "../../../kernels/webgpu/layer_norm.wgsl" with { type: "text" };
import type { LayerNormBackward } from "../../program/op.ts";
import { alignUp, type Tensor } from "../../program/tensor.ts";
import { chunkRows, columnLayout, finishColumns } from "./column_sum.ts";
import type { AdapterTraits, Binding, Dispatch, Kernel } from "./kernel.ts";
import { float, grid, type Range, type RowOperand, rowRanges, slice } from "./partition.ts";
import { expandTemplate, type TemplateValues } from "./template.ts";

/**
 * How a row is shared among invocations: about four vectors for each of `lanes`, a power of two. A software adapter's barriers
 * are dear unless the workgroup fits its vector registers.
 */
function rowLayout(columns: number, { software }: AdapterTraits) {
  const size = columns % 4 === 0 ? 4 : 1;
  const width = columns / size;
  const lanes = software ? 8 : Math.min(256, Math.max(8, 2 ** Math.ceil(Math.log2(width / 4))));
  const rowsPerGroup = software ? 1 : Math.max(1, 64 / lanes);
  const values = {
    VECTORS: size === 4,
    VECTOR: size === 4 ? "vec4f" : "f32",
    WIDTH: width,
    LANES: lanes,
    FLAT: lanes <= 8,
    ROWS_PER_GROUP: rowsPerGroup,
    INVERSE_WIDTH: float(1 / columns),
  };
  return { size, rowsPerGroup, values };
}

/** Operands by name: matrices [N, C] and per-row numbers [N]. */
function rowOperands(tensors: Readonly<Record<string, Tensor>>): Record<string, RowOperand> {
  const entries = Object.entries(tensors).map(([name, tensor]) => [name, { tensor, perRow: tensor.shape[1] ?? 1 }]);
  return Object.fromEntries(entries);
}

/** Bindings by name of a range of rows, and NAME_SKIP values; matrices are skipped in vectors of `size`. */
function bindRows(operands: Readonly<Record<string, RowOperand>>, range: Range, size: number) {
  const bindings: Record<string, Binding> = {};
  const skips: Record<string, number> = {};
  for (const [name, operand] of Object.entries(operands)) {
    const { binding, skip } = slice(operand, range);
    bindings[name] = binding;
    skips[`${name.toUpperCase()}_SKIP`] = operand.tensor.shape.length === 2 ? skip / size : skip;
  }
  return { bindings, skips: skips as TemplateValues };
}

export const layerNorm: Kernel<"layerNorm"> = {
  dispatches({ x, weight, bias, out, mean, rstd, epsilon }, adapter) {
    const [rows, columns] = x.shape;
    const { size, rowsPerGroup, values } = rowLayout(columns, adapter);
    const operands = rowOperands({ x, out, mean, rstd });
    return rowRanges(rows, Object.values(operands), adapter).map((range): Dispatch => {
      const { bindings, skips } = bindRows(operands, range, size);
      return {
        label: "layerNorm",
        source: expandTemplate(forwardSource, { ...values, ...skips, ROWS: range.count, EPSILON: float(epsilon) }),
        bindings: [bindings.x, { of: weight }, { of: bias }, bindings.out, bindings.mean, bindings.rstd],
        workgroups: grid(Math.ceil(range.count / rowsPerGroup), adapter),
      };
    });
  },
};

function columnChunks({ x, dout, mean, rstd }: LayerNormBackward, adapter: AdapterTraits) {
  const [rows, columns] = x.shape;
  const operands = rowOperands({ x, dout, mean, rstd });
  const chunking = chunkRows(rows, columns, Object.values(operands), adapter);
  return { operands, columns, ...chunking };
}

function columnDispatches(op: LayerNormBackward, adapter: AdapterTraits): Dispatch[] {
  const { operands, columns, rowsPerChunk, chunks: most, groups } = columnChunks(op, adapter);
  const { size, width, values } = columnLayout(columns);
  return groups.flatMap((group) => {
    const elements = group.chunks * columns;
    const weights: Binding = { of: "scratch", elements };
    const biases: Binding = { of: "scratch", offset: alignUp(most * columns), elements };
    const dispatches = group.ranges.map(({ range, firstChunk, chunks }): Dispatch => {
      const { bindings, skips } = bindRows(operands, range, size);
      return {
        label: "layerNormBackward.columns",
        source: expandTemplate(columnsSource, {
          ...values,
          ...skips,
          ROWS: range.count,
          CHUNK: rowsPerChunk,
          PARTIALS_SKIP: firstChunk * width,
        }),
        bindings: [bindings.x, bindings.dout, bindings.mean, bindings.rstd, weights, biases],
        workgroups: [Math.ceil(width / 32), chunks, 1],
      };
    });
    return [
      ...dispatches,
      finishColumns("layerNormBackward.weight", weights, group.chunks, op.dweight),
      finishColumns("layerNormBackward.bias", biases, group.chunks, op.dbias),
    ];
  });
}

export const layerNormBackward: Kernel<"layerNormBackward"> = {
  scratch(op, adapter) {
    const { chunks, columns } = columnChunks(op, adapter);
    return 2 * alignUp(chunks * columns);
  },
  dispatches(op, adapter) {
    const { x, weight, mean, rstd, dout, dx, accumulate } = op;
    const [rows, columns] = x.shape;
    const { size, rowsPerGroup, values } = rowLayout(columns, adapter);
    const operands = rowOperands({ x, dout, mean, rstd, dx });
    const rowDispatches = rowRanges(rows, Object.values(operands), adapter).map((range): Dispatch => {
      const { bindings, skips } = bindRows(operands, range, size);
      return {
        label: "layerNormBackward",
        source: expandTemplate(backwardSource, { ...values, ...skips, ROWS: range.count, ACCUMULATE: accumulate }),
        bindings: [bindings.x, bindings.dout, { of: weight }, bindings.mean, bindings.rstd, bindings.dx],
        workgroups: grid(Math.ceil(range.count / rowsPerGroup), adapter),
      };
    });
    return [...rowDispatches, ...columnDispatches(op, adapter)];
  },
};

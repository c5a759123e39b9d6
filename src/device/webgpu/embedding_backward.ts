/** Gradients of the token and position embeddings on WebGPU, without atomics: rows are added up token by token. */
import positionsSource from "../../../kernels/webgpu/embedding_backward_positions.wgsl" with { type: "text" };
import tokensSource from "../../../kernels/webgpu/embedding_backward_tokens.wgsl" with { type: "text" };
import type { EmbeddingBackward } from "../../program/op.ts";
import { elementCount } from "../../program/tensor.ts";
import type { AdapterTraits, Dispatch, Kernel } from "./kernel.ts";
import { grid, type Range, rowRanges, slice } from "./partition.ts";
import { expandTemplate } from "./template.ts";

/** Longest loop of an invocation; see kernel.ts. */
const MAX_LENGTH = 32768;

function layout({ dout }: EmbeddingBackward) {
  const [, columns] = dout.shape;
  const size = columns % 4 === 0 ? 4 : 1;
  return { columns, size, values: { VECTOR: size === 4 ? "vec4f" : "f32", WIDTH: columns / size } };
}

function tokenDispatches(op: EmbeddingBackward, douts: readonly Range[], adapter: AdapterTraits): Dispatch[] {
  const { tokens, order, starts, dout, dwte } = op;
  const { columns, size, values } = layout(op);
  const count = elementCount(tokens.shape);
  const dispatches: Dispatch[] = [];
  for (const entries of rowRanges(dwte.shape[0], [{ tensor: dwte, perRow: columns }], adapter)) {
    const table = slice({ tensor: dwte, perRow: columns }, entries);
    for (const range of douts) {
      const gradient = slice({ tensor: dout, perRow: columns }, range);
      for (let skipped = 0; skipped < count; skipped += MAX_LENGTH) {
        const [x, y] = grid(count, adapter);
        dispatches.push({
          label: "embeddingBackward.tokens",
          source: expandTemplate(tokensSource, {
            ...values,
            COUNT: count,
            SKIPPED: skipped,
            LENGTH: MAX_LENGTH,
            FIRST_TOKEN: entries.first,
            TOKEN_COUNT: entries.count,
            FIRST_ROW: range.first,
            ROWS: range.count,
            PARTIAL: range.count < count,
            DOUT_SKIP: gradient.skip / size,
            DWTE_SKIP: table.skip / size,
          }),
          bindings: [{ of: tokens }, { of: order }, { of: starts }, gradient.binding, table.binding],
          workgroups: [x, y, Math.ceil(values.WIDTH / 64)],
        });
      }
    }
  }
  return dispatches;
}

function positionDispatches(op: EmbeddingBackward, douts: readonly Range[], adapter: AdapterTraits): Dispatch[] {
  const { tokens, dout, dwpe } = op;
  const { columns, size, values } = layout(op);
  const sequence = tokens.shape[1];
  const dispatches: Dispatch[] = [];
  for (const places of rowRanges(sequence, [{ tensor: dwpe, perRow: columns }], adapter)) {
    const table = slice({ tensor: dwpe, perRow: columns }, places);
    for (const range of douts) {
      const gradient = slice({ tensor: dout, perRow: columns }, range);
      const end = Math.ceil((range.first + range.count) / sequence);
      for (let first = Math.floor(range.first / sequence); first < end; first += MAX_LENGTH) {
        const [x, y] = grid(places.count, adapter);
        dispatches.push({
          label: "embeddingBackward.positions",
          source: expandTemplate(positionsSource, {
            ...values,
            SEQUENCE: sequence,
            FIRST_SEQUENCE: first,
            END_SEQUENCE: Math.min(end, first + MAX_LENGTH),
            POSITIONS: places.count,
            FIRST_POSITION: places.first,
            FIRST_ROW: range.first,
            ROWS: range.count,
            PARTIAL: range.count < dout.shape[0],
            DOUT_SKIP: gradient.skip / size,
            DWPE_SKIP: table.skip / size,
          }),
          bindings: [gradient.binding, table.binding],
          workgroups: [x, y, Math.ceil(values.WIDTH / 64)],
        });
      }
    }
  }
  return dispatches;
}

export const embeddingBackward: Kernel<"embeddingBackward"> = {
  dispatches(op, adapter) {
    const [rows, columns] = op.dout.shape;
    const douts = rowRanges(rows, [{ tensor: op.dout, perRow: columns }], adapter);
    return [...tokenDispatches(op, douts, adapter), ...positionDispatches(op, douts, adapter)];
  },
};

/**
 * Attention of new rows over a key and value cache: prefill (many rows) and decode (one row a sequence). How far each row
 * may look is data on the device (`start`), so one compiled Program serves every step.
 */
import forwardRows from "../../../kernels/webgpu/attention_rows.wgsl" with { type: "text" };
import forwardTiles from "../../../kernels/webgpu/attention_tiles.wgsl" with { type: "text" };
import {
  bindRange,
  dropoutValues,
  headValues,
  planRows,
  planTiles,
  planValues,
  sequenceRanges,
  snippets,
} from "./attention_layout.ts";
import type { Dispatch, Kernel } from "./kernel.ts";
import { expandTemplate } from "./template.ts";

export const cachedAttention: Kernel<"cachedAttention"> = {
  dispatches(op, adapter) {
    const [batch, heads, positions, headSize] = op.keys.shape;
    const width = heads * headSize;
    const sequence = op.qkv.shape[0] / batch;
    const shape = headValues(headSize, width);
    const unit = headSize % 4 === 0 ? 4 : 1;
    const plan = adapter.software ? planRows(sequence, 2 * headSize) : planTiles(sequence, headSize, 1, adapter);
    const values = {
      ...shape,
      ...dropoutValues(undefined, sequence),
      CACHED: true,
      ...planValues(plan, sequence, headSize),
      SEQUENCE: sequence,
      HEADS: heads,
      POSITIONS: positions,
      KEY_ROW: shape.HEAD,
      KEY_NAME: "keys",
      VALUE_NAME: "values",
    };
    const access = snippets(values, ["qkv", "keys", "values"], ["out"]);
    return sequenceRanges(batch, [op.qkv, op.keys], adapter).map((range): Dispatch => {
      const qkv = bindRange(op.qkv, sequence * 3 * width, range);
      const out = bindRange(op.out, sequence * width, range);
      const keys = bindRange(op.keys, positions * width, range);
      const values_ = { ...keys.binding, of: op.values };
      const bases = {
        QKV_BASE: qkv.before / unit,
        OUT_BASE: out.before / unit,
        CACHE_BASE: keys.before / unit,
        FIRST_SEQUENCE: range.first,
      };
      return {
        label: "cachedAttention",
        source: expandTemplate(plan.family === "rows" ? forwardRows : forwardTiles, {
          ...values,
          ...bases,
          ACCESS: access,
        }),
        bindings: [qkv.binding, out.binding, keys.binding, values_, { of: op.start }],
        workgroups: [Math.ceil(sequence / plan.rows), heads, range.count],
      };
    });
  },
};

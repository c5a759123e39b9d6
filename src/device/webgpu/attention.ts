/**
 * Causal attention without the S × S matrix: flash attention (Dao et al. 2022), forward. Two families: one invocation per row
 * for software adapters, shared-memory tiles for hardware.
 */
import forwardRows from "../../../kernels/webgpu/attention_rows.wgsl" with { type: "text" };
import forwardTiles from "../../../kernels/webgpu/attention_tiles.wgsl" with { type: "text" };
import {
  attentionGeometry,
  bindAttention,
  dropoutValues,
  headValues,
  sequenceRanges,
  snippets,
} from "./attention_layout.ts";
import { checkPositions, planRows, planTiles, planValues } from "./attention_plan.ts";
import type { Dispatch, Kernel } from "./kernel.ts";
import { expandTemplate } from "./template.ts";

export { attentionBackward } from "./attention_backward.ts";

export const attention: Kernel<"attention"> = {
  dispatches(op, adapter) {
    const { batch, heads, sequence, width, headSize } = attentionGeometry(op);
    const shape = headValues(headSize, width);
    const plan = adapter.software
      ? planRows(sequence, 2 * headSize, adapter)
      : planTiles(sequence, headSize, 1, adapter);
    checkPositions(plan, sequence);
    const values = {
      ...shape,
      ...dropoutValues(op.dropout, sequence),
      ...planValues(plan, sequence, headSize),
      CACHED: false,
      SEQUENCE: sequence,
      HEADS: heads,
      KEY_ROW: shape.QKV_ROW,
      KEY_NAME: "qkv",
      VALUE_NAME: "qkv",
    };
    const access = snippets(values, ["qkv"], ["out"]);
    const template = plan.family === "rows" ? forwardRows : forwardTiles;
    return sequenceRanges(batch, [op.qkv], adapter).map((range): Dispatch => {
      const { qkv, out, lse, seed, words, bases } = bindAttention(op, range);
      return {
        label: `attention.${plan.family}`,
        source: expandTemplate(template, { ...values, ...bases, ACCESS: access }),
        bindings: [qkv, out, lse, ...seed],
        ...words,
        workgroups: [Math.ceil(sequence / plan.rows), heads, range.count],
      };
    });
  },
};

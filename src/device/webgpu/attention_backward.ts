/**
 * Gradients of causal attention, probabilities recomputed from the saved log-sum-exp. Two passes without atomics: dq (and
 * delta = Σ dout · out by row, into scratch), then dk and dv.
 */
import keysRows from "../../../kernels/webgpu/attention_backward_keys.wgsl" with { type: "text" };
import keysTiles from "../../../kernels/webgpu/attention_backward_keys_tiles.wgsl" with { type: "text" };
import queriesRows from "../../../kernels/webgpu/attention_backward_queries.wgsl" with { type: "text" };
import queriesTiles from "../../../kernels/webgpu/attention_backward_queries_tiles.wgsl" with { type: "text" };
import { alignUp, elementCount } from "../../program/tensor.ts";
import {
  attentionGeometry,
  bindAttention,
  bindRange,
  dropoutValues,
  headValues,
  sequenceRanges,
  snippets,
} from "./attention_layout.ts";
import { checkPositions, planRows, planTiles, planValues } from "./attention_plan.ts";
import type { Dispatch, Kernel } from "./kernel.ts";
import { expandTemplate } from "./template.ts";

export const attentionBackward: Kernel<"attentionBackward"> = {
  scratch(op) {
    return alignUp(elementCount(op.lse.shape));
  },

  dispatches(op, adapter) {
    const { batch, heads, sequence, width, headSize } = attentionGeometry(op);
    const queriesPlan = adapter.software
      ? planRows(sequence, 3 * headSize, adapter)
      : planTiles(sequence, headSize, 2, adapter);
    const keysPlan = adapter.software
      ? planRows(sequence, 4 * headSize, adapter)
      : planTiles(sequence, headSize, 2, adapter);
    checkPositions(keysPlan, sequence);
    const shared = {
      ...headValues(headSize, width),
      ...dropoutValues(op.dropout, sequence),
      SEQUENCE: sequence,
      HEADS: heads,
    };
    const queriesValues = { ...shared, ...planValues(queriesPlan, sequence, headSize) };
    const keysValues = { ...shared, ...planValues(keysPlan, sequence, headSize) };
    const queriesAccess = snippets(queriesValues, ["qkv", "out", "dout"], ["dqkv"]);
    const keysAccess = snippets(keysValues, ["qkv", "dout"], ["dqkv"]);
    return sequenceRanges(batch, [op.qkv], adapter).flatMap((range): Dispatch[] => {
      const { qkv, out, lse, seed, words, bases } = bindAttention(op, range);
      const dout = { ...out, of: op.dout };
      const dqkv = { ...qkv, of: op.dqkv };
      const { binding: delta, before } = bindRange("scratch", heads * sequence, range);
      const place = { ...bases, DELTA_BASE: before };
      return [{
        label: `attentionBackward.queries.${queriesPlan.family}`,
        source: expandTemplate(queriesPlan.family === "rows" ? queriesRows : queriesTiles, {
          ...queriesValues,
          ...place,
          ACCESS: queriesAccess,
        }),
        bindings: [qkv, out, dout, lse, dqkv, delta, ...seed],
        ...words,
        workgroups: [Math.ceil(sequence / queriesPlan.rows), heads, range.count],
      }, {
        label: `attentionBackward.keys.${keysPlan.family}`,
        source: expandTemplate(keysPlan.family === "rows" ? keysRows : keysTiles, {
          ...keysValues,
          ...place,
          ACCESS: keysAccess,
        }),
        bindings: [qkv, dout, lse, dqkv, delta, ...seed],
        ...words,
        workgroups: [Math.ceil(sequence / keysPlan.rows), heads, range.count],
      }];
    });
  },
};

/**
 * Causal attention without the S × S matrix: flash attention (Dao et al. 2022) forward and backward on WebGPU. The backward
 * runs in two passes without atomics: dq (and delta = Σ dout · out by row), then dk and dv.
 */
import backwardKeys from "../../../kernels/webgpu/attention_backward_keys.wgsl" with { type: "text" };
import backwardQueries from "../../../kernels/webgpu/attention_backward_queries.wgsl" with { type: "text" };
import forwardRows from "../../../kernels/webgpu/attention_rows.wgsl" with { type: "text" };
import type { Attention, AttentionBackward } from "../../program/op.ts";
import { alignUp, elementCount } from "../../program/tensor.ts";
import {
  bindRange,
  dropoutValues,
  hasDropout,
  headValues,
  type SequenceRange,
  sequenceRanges,
  snippets,
} from "./attention_layout.ts";
import type { AdapterTraits, Binding, Dispatch, Kernel } from "./kernel.ts";
import { expandTemplate } from "./template.ts";

function geometry(op: Attention | AttentionBackward) {
  const [batch, heads, sequence] = op.lse.shape;
  const width = op.out.shape[1];
  return { batch, heads, sequence, width, headSize: width / heads };
}

function bindParts(op: Attention | AttentionBackward, range: SequenceRange) {
  const { heads, sequence, width } = geometry(op);
  const qkv = bindRange(op.qkv, sequence * 3 * width, range);
  const out = bindRange(op.out, sequence * width, range);
  const lse = bindRange(op.lse, heads * sequence, range);
  const unit = op.out.shape[1] / heads % 4 === 0 ? 4 : 1;
  return {
    qkv: qkv.binding,
    out: out.binding,
    lse: lse.binding,
    seed: hasDropout(op.dropout) ? [{ of: op.dropout.seed }] : [] as Binding[],
    bases: {
      QKV_BASE: qkv.before / unit,
      OUT_BASE: out.before / unit,
      LSE_BASE: lse.before,
      FIRST_SEQUENCE: hasDropout(op.dropout) ? range.first : 0,
    },
  };
}

export const attention: Kernel<"attention"> = {
  dispatches(op, adapter) {
    const { batch, heads, sequence, width, headSize } = geometry(op);
    const shape = headValues(headSize, width);
    const [lanes, queries, keys] = [8, 1, 4];
    const tiles = Math.ceil(sequence / (lanes * queries));
    const values = {
      ...shape,
      ...dropoutValues(op.dropout, sequence),
      CACHED: false,
      LANES: lanes,
      QUERIES: queries,
      KEYS: keys,
      HALF_KEYS: keys / 2,
      TILES: tiles,
      SEQUENCE: sequence,
      HEADS: heads,
      KEY_ROW: shape.QKV_ROW,
      KEY_NAME: "qkv",
      VALUE_NAME: "qkv",
    };
    const access = snippets(values, ["qkv"], ["out"]);
    return sequenceRanges(batch, [op.qkv], adapter).map((range): Dispatch => {
      const { qkv, out, lse, seed, bases } = bindParts(op, range);
      return {
        label: "attention",
        source: expandTemplate(forwardRows, { ...values, ...bases, ACCESS: access }),
        bindings: [qkv, out, lse, ...seed],
        workgroups: [tiles, heads, range.count],
      };
    });
  },
};

export const attentionBackward: Kernel<"attentionBackward"> = {
  scratch(op) {
    return alignUp(elementCount(op.lse.shape));
  },

  dispatches(op, adapter) {
    const { batch, heads, sequence, width, headSize } = geometry(op);
    const shared = {
      ...headValues(headSize, width),
      ...dropoutValues(op.dropout, sequence),
      SEQUENCE: sequence,
      HEADS: heads,
    };
    return sequenceRanges(batch, [op.qkv], adapter).flatMap((range): Dispatch[] => {
      const { qkv, out, lse, seed, bases } = bindParts(op, range);
      const dout = { ...out, of: op.dout };
      const dqkv = { ...qkv, of: op.dqkv };
      const delta = bindRange("scratch", heads * sequence, range);
      const values = { ...shared, ...bases, DELTA_BASE: delta.before };
      return [
        queriesPass(
          values,
          [qkv, out, dout, lse, dqkv, delta.binding, ...seed],
          [sequence, heads, range.count],
          adapter,
        ),
        keysPass(values, [qkv, dout, lse, dqkv, delta.binding, ...seed], [sequence, heads, range.count], adapter),
      ];
    });
  },
};

type Values = Record<string, number | string | boolean>;
type Extent = readonly [sequence: number, heads: number, count: number];

function queriesPass(
  shared: Values,
  bindings: Binding[],
  [sequence, heads, count]: Extent,
  _: AdapterTraits,
): Dispatch {
  const [lanes, queries, keys] = [8, 1, 2];
  const tiles = Math.ceil(sequence / (lanes * queries));
  const values = { ...shared, LANES: lanes, QUERIES: queries, KEYS: keys, HALF_KEYS: keys / 2, TILES: tiles };
  const access = snippets(values, ["qkv", "out", "dout"], ["dqkv"]);
  return {
    label: "attentionBackward.queries",
    source: expandTemplate(backwardQueries, { ...values, ACCESS: access }),
    bindings,
    workgroups: [tiles, heads, count],
  };
}

function keysPass(shared: Values, bindings: Binding[], [sequence, heads, count]: Extent, _: AdapterTraits): Dispatch {
  const [lanes, keys] = [8, 1];
  const values = { ...shared, LANES: lanes, KEYS: keys, PAIR: keys === 2 };
  const access = snippets(values, ["qkv", "dout"], ["dqkv"]);
  return {
    label: "attentionBackward.keys",
    source: expandTemplate(backwardKeys, { ...values, ACCESS: access }),
    bindings,
    workgroups: [Math.ceil(sequence / (lanes * keys)), heads, count],
  };
}

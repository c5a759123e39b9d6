/** Kernels in which every element stands for itself: GELU, its derivative, dropout. */
import type { OpKind, OpOf } from "../../program/op.ts";
import { dropoutThreshold } from "../../program/random.ts";
import { elementCount, type Tensor } from "../../program/tensor.ts";
import dropoutSource from "../../../kernels/webgpu/dropout.wgsl" with { type: "text" };
import geluSource from "../../../kernels/webgpu/gelu.wgsl" with { type: "text" };
import geluBackwardSource from "../../../kernels/webgpu/gelu_backward.wgsl" with { type: "text" };
import random from "../../../kernels/webgpu/random.wgsl" with { type: "text" };
import type { AdapterTraits, Binding, Dispatch, Kernel } from "./kernel.ts";
import { float, grid, type Range, rowRanges, slice } from "./partition.ts";
import { expandTemplate, type TemplateValues } from "./template.ts";

/** A range of elements of several tensors of one size, in vectors of four where the size allows. */
export interface ElementRange {
  readonly range: Range;
  readonly bindings: Binding[];
  readonly workgroups: readonly [number, number, number];
  /** VECTORS, VECTOR, COUNT in vectors, and each tensor's NAME_SKIP. */
  readonly values: TemplateValues;
}

/** Cuts tensors of one size into ranges that can be bound, for kernels that take `perWorkgroup` vectors a workgroup. */
export function elementRanges(
  tensors: Readonly<Record<string, Tensor>>,
  adapter: AdapterTraits,
  perWorkgroup = 256,
): ElementRange[] {
  const operands = Object.entries(tensors).map(([name, tensor]) => ({ name, tensor, perRow: 1 }));
  return rowRanges(elementCount(operands[0].tensor.shape), operands, adapter).map((range) => {
    const slices = operands.map((operand) => slice(operand, range));
    const size = range.count % 4 === 0 && slices.every(({ skip }) => skip % 4 === 0) ? 4 : 1;
    const count = range.count / size;
    const skips = operands.map(({ name }, i) => [`${name.toUpperCase()}_SKIP`, slices[i].skip / size]);
    return {
      range,
      bindings: slices.map(({ binding }) => binding),
      workgroups: grid(Math.ceil(count / perWorkgroup), adapter),
      values: { VECTORS: size === 4, VECTOR: size === 4 ? "vec4f" : "f32", COUNT: count, ...Object.fromEntries(skips) },
    };
  });
}

function elementwise<K extends OpKind>(
  label: K,
  source: string,
  tensors: (op: OpOf<K>) => Record<string, Tensor>,
): Kernel<K> {
  return {
    dispatches: (op, adapter) =>
      elementRanges(tensors(op), adapter).map(({ bindings, workgroups, values }): Dispatch => ({
        label,
        source: expandTemplate(source, values),
        bindings,
        workgroups,
      })),
  };
}

export const gelu = elementwise("gelu", geluSource, ({ x, out }) => ({ x, out }));

export const geluBackward = elementwise("geluBackward", geluBackwardSource, ({ x, gradient }) => ({ x, gradient }));

export const dropout: Kernel<"dropout"> = {
  dispatches({ x, out, residual, dropout: { rate, stream, seed } }, adapter) {
    const tensors = { x, out, ...(residual ? { residual } : {}) };
    return elementRanges(tensors, adapter).map(({ range, bindings, values }): Dispatch => {
      const count = Math.ceil(range.count / 4);
      return {
        label: "dropout",
        source: expandTemplate(dropoutSource, {
          ...values,
          COUNT: count,
          ELEMENTS: range.count,
          FIRST: range.first,
          RANDOM: random,
          RESIDUAL: residual !== undefined,
          WORDS_BINDING: bindings.length + 1,
          THRESHOLD: Math.min(dropoutThreshold(rate), 0xffffffff),
          SCALE: float(1 / (1 - rate)),
        }),
        bindings: [{ of: seed }, ...bindings],
        words: [(stream << 20) >>> 0],
        workgroups: grid(Math.ceil(count / 256), adapter),
      };
    });
  },
};

/** Appends keys and values of new positions to the caches on WebGPU. */
import source from "../../../kernels/webgpu/cache_append.wgsl" with { type: "text" };
import type { Dispatch, Kernel } from "./kernel.ts";
import { grid, rowRanges, slice } from "./partition.ts";
import { expandTemplate } from "./template.ts";

export const cacheAppend: Kernel<"cacheAppend"> = {
  dispatches({ qkv, start, keys, values }, adapter) {
    const [batch, heads, positions, headSize] = keys.shape;
    const sequence = qkv.shape[0] / batch;
    const width = heads * headSize;
    const operands = [
      { tensor: qkv, perRow: sequence * 3 * width },
      { tensor: start, perRow: 1 },
      { tensor: keys, perRow: positions * width },
      { tensor: values, perRow: positions * width },
    ];
    return rowRanges(batch, operands, adapter).map((range): Dispatch => {
      const [x, first, k, v] = operands.map((operand) => slice(operand, range));
      return {
        label: "cacheAppend",
        source: expandTemplate(source, {
          ROWS: range.count * sequence,
          SEQUENCE: sequence,
          WIDTH: width,
          HEADS: heads,
          HEAD_SIZE: headSize,
          POSITIONS: positions,
          QKV_SKIP: x.skip,
          START_SKIP: first.skip,
          KEYS_SKIP: k.skip,
          VALUES_SKIP: v.skip,
        }),
        bindings: [x.binding, first.binding, k.binding, v.binding],
        workgroups: grid(range.count * sequence, adapter),
      };
    });
  },
};

/** Cross-entropy of logits, and its gradient in their place, on WebGPU. */
import source from "../../../kernels/webgpu/cross_entropy.wgsl" with { type: "text" };
import type { Dispatch, Kernel } from "./kernel.ts";
import { float, grid, rowRanges, slice } from "./partition.ts";
import { expandTemplate } from "./template.ts";

/** Above it, 8 lanes would come near the limit on loops; see kernel.ts. */
const MAX_SOFTWARE_VOCABULARY = 150_000;

export const crossEntropy: Kernel<"crossEntropy"> = {
  dispatches({ logits, targets, losses, gradientScale }, adapter) {
    const [rows, vocabulary] = logits.shape;
    const size = vocabulary % 4 === 0 ? 4 : 1;
    // A software adapter's barriers are dear unless the workgroup fits its vector registers.
    const lanes = adapter.software && vocabulary <= MAX_SOFTWARE_VOCABULARY ? 8 : 256;
    const operands = [
      { tensor: logits, perRow: vocabulary },
      { tensor: targets, perRow: 1 },
      { tensor: losses, perRow: 1 },
    ];
    return rowRanges(rows, operands, adapter).map((range): Dispatch => {
      const [l, t, out] = operands.map((operand) => slice(operand, range));
      return {
        label: "crossEntropy",
        source: expandTemplate(source, {
          LANES: lanes,
          ROWS: range.count,
          WIDTH: vocabulary / size,
          VECTORS: size === 4,
          VECTOR: size === 4 ? "vec4f" : "f32",
          LOGITS_SKIP: l.skip / size,
          TARGETS_SKIP: t.skip,
          LOSSES_SKIP: out.skip,
          GRADIENT: gradientScale !== null,
          SCALE: float(gradientScale ?? 0),
        }),
        bindings: [l.binding, t.binding, out.binding],
        workgroups: grid(range.count, adapter),
      };
    });
  },
};

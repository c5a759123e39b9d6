/** Choosing the next tokens on WebGPU, so that nothing but finished text has to be read back. */
import random from "../../../kernels/webgpu/random.wgsl" with { type: "text" };
import source from "../../../kernels/webgpu/sample.wgsl" with { type: "text" };
import { alignUp } from "../../program/tensor.ts";
import type { Dispatch, Kernel } from "./kernel.ts";
import { grid, rowRanges, slice } from "./partition.ts";
import { expandTemplate } from "./template.ts";

export const sample: Kernel<"sample"> = {
  scratch: ({ logits }) => logits.shape[0] * alignUp(logits.shape[1]),
  dispatches(op, adapter) {
    const [rows, vocabulary] = op.logits.shape;
    const workRow = alignUp(vocabulary);
    // The rows of `work` are the longest, so ranges that fit one of it fit logits and seen.
    const logits = { tensor: op.logits, perRow: vocabulary };
    const seen = { tensor: op.seen, perRow: vocabulary };
    const operands = [logits, seen, { tensor: op.logits, perRow: workRow }];
    return rowRanges(rows, operands, adapter).map((range): Dispatch => {
      const [l, s] = [slice(logits, range), slice(seen, range)];
      return {
        label: "sample",
        source: expandTemplate(source, {
          RANDOM: random,
          ROWS: range.count,
          FIRST_ROW: range.first,
          VOCABULARY: vocabulary,
          BLOCK: Math.ceil(vocabulary / 256),
          WORK_ROW: workRow,
          LOGITS_SKIP: l.skip,
          SEEN_SKIP: s.skip,
          CAPACITY: op.generated.shape[1],
          POSITIONS: op.maxPositions,
        }),
        bindings: [
          l.binding,
          { of: op.settings },
          { of: op.seed },
          { of: op.sequence },
          s.binding,
          { of: op.tokens },
          { of: op.positions },
          { of: op.count },
          { of: op.finished },
          { of: op.score },
          { of: op.generated },
          { of: "scratch", offset: range.first * workRow, elements: range.count * workRow },
        ],
        workgroups: grid(range.count, adapter),
      };
    });
  },
};

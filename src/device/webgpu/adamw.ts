/** AdamW on WebGPU: one pass over the parameter arena and its gradients and moments. */
import source from "../../../kernels/webgpu/adamw.wgsl" with { type: "text" };
import { elementRanges } from "./elementwise.ts";
import type { Dispatch, Kernel } from "./kernel.ts";
import { float } from "./partition.ts";
import { expandTemplate } from "./template.ts";

export const adamW: Kernel<"adamW"> = {
  dispatches({ parameters, gradients, moment1, moment2, norm, hyper, beta1, beta2, epsilon, decay }, adapter) {
    const ranges = elementRanges({ parameters, gradients, moment1, moment2 }, adapter);
    return ranges.map(({ bindings, workgroups, values }): Dispatch => ({
      label: "adamW",
      source: expandTemplate(source, {
        ...values,
        BETA1: float(beta1),
        BETA2: float(beta2),
        REST1: float(1 - beta1),
        REST2: float(1 - beta2),
        EPSILON: float(epsilon),
        DECAY: decay,
      }),
      bindings: [...bindings, { of: norm }, { of: hyper }],
      workgroups,
    }));
  },
};

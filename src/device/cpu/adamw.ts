/** AdamW: one pass over parameters, gradients and both moments. */
import { KernelId } from "../../../kernels/cpu/kernel_id.ts";
import { elementCount } from "../../program/tensor.ts";
import { at, f32, type Kernel } from "./kernel.ts";

/** Elements of an item; BLOCK of kernels/cpu/adamw.ts. */
const BLOCK = 32768;

export const adamW: Kernel<"adamW"> = {
  calls({ parameters, gradients, moment1, moment2, norm, hyper, beta1, beta2, epsilon, decay }) {
    const elements = elementCount(parameters.shape);
    const factors = [beta1, 1 - beta1, beta2, 1 - beta2, epsilon].map(f32);
    const arrays = [parameters, gradients, moment1, moment2, norm, hyper].map((tensor) => at(tensor));
    return [{
      kernel: KernelId.adamW,
      items: Math.ceil(elements / BLOCK),
      args: [...arrays, elements, ...factors, Number(decay)],
    }];
  },
};

/** Matrix products: the way of computing one is chosen here, from its shape and the machine. */
import type { Kernel } from "./kernel.ts";
import { packedCalls, packedScratch } from "./matmul_packed.ts";

export const matmul: Kernel<"matmul"> = {
  scratch: (op) => packedScratch(op),
  calls: (op) => packedCalls(op),
};

/** Matrix products: the way of computing one is chosen here, from its shape and the machine. */
import type { Matmul } from "../../program/op.ts";
import type { CpuTraits, Kernel } from "./kernel.ts";
import { blasCalls, wantsBlas } from "./matmul_blas.ts";
import { packedCalls, packedScratch } from "./matmul_packed.ts";
import { isThin, thinCalls, thinScratch } from "./matmul_thin.ts";

const useBlas = (op: Matmul, { blas }: CpuTraits) => blas && wantsBlas(op);

export const matmul: Kernel<"matmul"> = {
  scratch: (op, traits) => isThin(op) ? thinScratch(op) : useBlas(op, traits) ? 0 : packedScratch(op),
  calls: (op, traits) => thinCalls(op) ?? (useBlas(op, traits) ? blasCalls(op) : packedCalls(op)),
};

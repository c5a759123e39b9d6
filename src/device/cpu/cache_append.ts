/** Writing keys and values into the cache: an item for every sequence and head. */
import { KernelId } from "../../../kernels/cpu/kernel_id.ts";
import { at, type Kernel } from "./kernel.ts";

export const cacheAppend: Kernel<"cacheAppend"> = {
  calls({ qkv, start, keys, values }) {
    const [batch, heads, positions, size] = keys.shape;
    return [{
      kernel: KernelId.cacheAppend,
      items: batch * heads,
      args: [at(qkv), at(start), at(keys), at(values), qkv.shape[0] / batch, heads, size, positions],
    }];
  },
};

/**
 * Memory of activations. Programs run one after the other and activations live within one run, so all executables of a device
 * share one set of heaps. A heap that is too small for a new executable is replaced; the old one goes with its last user.
 */
export interface Heaps {
  /** Bytes that heaps of these sizes (in elements) would add. */
  missingBytes(sizes: readonly number[]): number;
  /** The heaps to use for these sizes, counted as used until given back. */
  acquire(sizes: readonly number[]): GPUBuffer[];
  release(buffers: readonly GPUBuffer[]): void;
  destroy(): void;
}

/** Keeps the heaps of one device. */
export function createHeaps(device: GPUDevice): Heaps {
  const current: GPUBuffer[] = [];
  const users = new Map<GPUBuffer, number>();
  const fits = (i: number, size: number) => i < current.length && current[i].size >= size * 4;
  return {
    missingBytes: (sizes) => sizes.reduce((sum, size, i) => sum + (fits(i, size) ? 0 : size * 4), 0),
    acquire(sizes) {
      return sizes.map((size, i) => {
        if (!fits(i, size)) {
          const usage = GPUBufferUsage.STORAGE;
          current[i] = device.createBuffer({ label: `activations ${i}`, size: size * 4, usage });
          users.set(current[i], 0);
        }
        users.set(current[i], (users.get(current[i]) ?? 0) + 1);
        return current[i];
      });
    },
    release(buffers) {
      for (const buffer of buffers) {
        const left = (users.get(buffer) ?? 1) - 1;
        users.set(buffer, left);
        if (left > 0) continue;
        buffer.destroy();
        users.delete(buffer);
        const index = current.indexOf(buffer);
        if (index >= 0) current.splice(index, 1);
      }
    },
    destroy() {
      for (const buffer of users.keys()) buffer.destroy();
      users.clear();
      current.length = 0;
    },
  };
}

/** Memory of this worker alone, for packed panels and tiles (WORKER_SCRATCH_BYTES of control.ts). It holds nothing between two items. */

// A module's globals belong to the worker that instantiated it.
let address: usize = 0;

export function setWorkerScratch(at: usize): void {
  address = at;
}

/** Address of this worker's scratch, a multiple of 64. */
// @ts-ignore: decorator
@inline
export function workerScratch(): usize {
  return address;
}

/**
 * The CPU kernels' module: every worker instantiates it on the same shared memory and calls `work`, which returns when the
 * device is closed.
 *
 * A compiled Program is an array of calls. All workers walk it together: they claim the items of a call one by one from a
 * counter, and wait for each other before the next call. What an item computes does not depend on who computes it, so results
 * do not depend on the number of workers.
 */
import { barrier, waitWhile } from "./barrier";
import * as control from "./control";
import { now } from "./clock";
import { dispatch } from "./dispatch";
import { setWide } from "./wide";
import { setWorkerScratch } from "./worker_scratch";

// Every kernel is exported too: that keeps it a function of its own, which engines compile better than one giant.
export * from "./column_sum";
export * from "./attention";
export * from "./attention_backward";
export * from "./attention_gradients";
export * from "./attention_strips";
export * from "./attention_tiles";
export * from "./attention_pack";
export * from "./attention_dropout";
export * from "./attention_panels";
export * from "./cached_attention";
export * from "./cache_append";
export * from "./sum";
export * from "./adamw";
export * from "./embedding";
export * from "./embedding_backward";
export * from "./sample";
export * from "./gelu_blocks";
export * from "./dropout";
export * from "./layer_norm";
export * from "./layer_norm_backward";
export * from "./cross_entropy";
export * from "./matmul";
export * from "./matmul_epilogue";
export * from "./matmul_pack";
export * from "./matmul_tile";
export * from "./matmul_blas";
export * from "./matmul_thin";

const SPIN_BETWEEN_COMMANDS: u32 = 2000;

/** First address that kernels' constants do not use. */
export function heapBase(): usize {
  return __heap_base;
}

/** @param times address of count + 1 doubles for the times at which calls begin and the last one ends, or 0 */
function runCalls(calls: usize, count: u32, worker: i32, workers: i32, spin: u32, times: usize): void {
  let call = calls;
  if (times) store<f64>(times, now());
  for (let i: u32 = 0; i < count; i++) {
    const kernel = load<u32>(call);
    const items = load<u32>(call, 4);
    for (;;) {
      const item = atomic.add<u32>(call, 1, 8);
      if (item >= items) break;
      dispatch(kernel, call + control.CALL_ARGS, item);
    }
    barrier(workers, spin);
    if (times) store<f64>(times + ((i + 1) << 3), now());
    // Nobody claims items of this call before the barrier that ends the command.
    if (worker == 0) atomic.store<u32>(call, 0, 8);
    call += control.CALL_BYTES;
  }
}

/**
 * Carries out commands until told to quit.
 * @param worker this worker's number, from 0
 * @param workers how many there are
 * @param spin looks at a barrier before sleeping there
 * @param scratch address of this worker's own scratch memory
 * @param wide see wide.ts
 */
export function work(worker: i32, workers: i32, spin: u32, scratch: usize, wide: bool): void {
  setWorkerScratch(scratch);
  setWide(wide);
  for (let next: i32 = 0;; next++) {
    waitWhile(control.HEAD, next, SPIN_BETWEEN_COMMANDS, 0);
    const command: usize = control.RING + (next & (control.RING_COMMANDS - 1)) * control.COMMAND_BYTES;
    const kind = load<i32>(command);
    if (kind == control.CommandKind.quit) return;
    if (kind == control.CommandKind.run) {
      const times = load<u32>(command, 12);
      for (let i: u32 = 0; i < times; i++) {
        runCalls(load<usize>(command, 4), load<u32>(command, 8), worker, workers, spin, 0);
        barrier(workers, spin);
      }
    } else if (kind == control.CommandKind.profile) {
      const times = worker == 0 ? load<usize>(command, 12) : 0;
      // The clock starts when the last worker has woken up: work that others do before is not missing then.
      barrier(workers, spin);
      runCalls(load<usize>(command, 4), load<u32>(command, 8), worker, workers, spin, times);
    } else if (worker == 0) {
      memory.copy(load<usize>(command, 4), load<usize>(command, 8), load<usize>(command, 12));
    }
    barrier(workers, spin);
    if (worker == 0) {
      atomic.store<i32>(control.DONE, next + 1);
      atomic.notify(control.DONE, -1);
    }
  }
}

/** The barrier between calls: spins for a moment, then sleeps. */
import { ARRIVED, GENERATION, POISON, SLEEPERS } from "./control";

/** How often a sleeper looks whether another worker has failed, in ns. */
const POISON_CHECK: i64 = 100_000_000;

/**
 * Waits until an i32 in memory differs from `value`.
 * @param spin looks before sleeping
 * @param sleepers address of a counter of sleepers, or 0
 */
export function waitWhile(address: usize, value: i32, spin: u32, sleepers: usize): void {
  for (let i: u32 = 0; i < spin; i++) {
    if (atomic.load<i32>(address) != value) return;
  }
  if (sleepers) atomic.add<i32>(sleepers, 1);
  while (atomic.load<i32>(address) == value) {
    if (atomic.load<i32>(POISON)) unreachable();
    atomic.wait<i32>(address, value, POISON_CHECK);
  }
  if (sleepers) atomic.sub<i32>(sleepers, 1);
}

/** Waits until all workers have called it; what they wrote before is visible behind it. */
export function barrier(workers: i32, spin: u32): void {
  if (workers == 1) return;
  const generation = atomic.load<i32>(GENERATION);
  if (atomic.add<i32>(ARRIVED, 1) != workers - 1) return waitWhile(GENERATION, generation, spin, SLEEPERS);
  atomic.store<i32>(ARRIVED, 0);
  atomic.store<i32>(GENERATION, generation + 1);
  if (atomic.load<i32>(SLEEPERS)) atomic.notify(GENERATION, -1);
}

/**
 * The control block: the words through which the main thread and the workers talk, each on a cache line of its own.
 * Read by AssemblyScript and by the device. Addresses are in bytes; the words are i32.
 */

/** Number of commands handed over so far; the main thread counts it up. */
export const HEAD = 1024;
/** Number of commands done so far; worker 0 counts it up. */
export const DONE = 1088;
/** Not 0 once a worker has failed; nothing runs after that. */
export const POISON = 1152;
/** Workers that have reached the barrier. */
export const ARRIVED = 1216;
/** Number of barriers passed. */
export const GENERATION = 1280;
/** Workers that sleep at the barrier. */
export const SLEEPERS = 1344;
/** The ring of commands, each COMMAND_BYTES long: kind, then its words. */
export const RING = 4096;
export const RING_COMMANDS = 256;
export const COMMAND_BYTES = 32;

/** Kinds of commands. Run: calls, count, times. Copy: destination, source, bytes. Profile: calls, count, doubles for times. */
export enum CommandKind {
  quit,
  run,
  copy,
  profile,
}

/** Bytes of a call: kernel, items, next item, unused, then its arguments. */
export const CALL_BYTES = 128;
/** Where a call's arguments begin. */
export const CALL_ARGS = 16;
/** First address behind the control block and the kernels' constants. */
export const HEAP_START = 262144;
/** Bytes of every worker's own scratch memory. */
export const WORKER_SCRATCH_BYTES = 4194304;

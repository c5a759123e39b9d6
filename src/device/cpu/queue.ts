/**
 * The main thread's end of the command queue: commands are handed over in order and carried out by all workers together. Small
 * pieces of data travel with them through a ring of staging memory, so that a step can be queued whole without waiting.
 */
import { COMMAND_BYTES, CommandKind, DONE, HEAD, POISON, RING, RING_COMMANDS } from "../../../kernels/cpu/control.ts";
import { DeviceError } from "../../errors.ts";
import type { CpuMemory } from "./memory.ts";

/** Largest piece of data that travels through the queue, in bytes. */
export const STAGED_BYTES = 1 << 20;
const STAGING_BYTES = 4 * STAGED_BYTES;

/** How often a waiting main thread looks whether a worker has failed, in ms. */
const FAILURE_CHECK_MS = 200;
const FAILURE_LOOKS = 100;

export interface Queue {
  /** Runs calls `times` times. */
  run(calls: number, count: number, times: number): void;
  /** Runs calls once and writes the times at which each begins and the last ends, in ms, to count + 1 doubles. */
  profile(calls: number, count: number, times: number): void;
  /** Copies bytes (at most STAGED_BYTES) to an address, in the order of the commands. The data is taken over at once. */
  write(address: number, data: Uint8Array): void;
  /** Copies memory (at most STAGED_BYTES) as it is when all commands so far are done. */
  read(address: number, target: Uint8Array): Promise<void>;
  /** Waits for all commands so far: asynchronously, or blocking. */
  drain(): Promise<void>;
  drainNow(): void;
  quit(): void;
}

interface Staged {
  /** Number of the command that uses the piece. */
  readonly command: number;
  readonly start: number;
  readonly end: number;
  /** A read's piece stays until it has been copied. */
  held: boolean;
}

/**
 * @param check throws where the device has failed or is closed
 */
export function createQueue(memory: CpuMemory, check: () => void): Queue {
  const control = new Int32Array(memory.wasm.buffer);
  const [head, done] = [HEAD / 4, DONE / 4];
  const staging = memory.allocate(STAGING_BYTES);
  const staged: Staged[] = [];
  let posted = 0;

  // Numbers of commands wrap around in 32 bits; differences stay right.
  const finished = () => posted - ((posted - Atomics.load(control, done)) | 0);

  const failed = () => Atomics.load(control, POISON / 4) !== 0;

  const unknown = () => new DeviceError("a thread of the CPU device failed");

  const waitNow = (command: number) => {
    for (;;) {
      const seen = Atomics.load(control, done);
      if (finished() >= command || failed()) break;
      Atomics.wait(control, done, seen, FAILURE_CHECK_MS);
    }
    check();
    if (failed()) throw unknown();
  };

  const waitFor = async (command: number) => {
    for (;;) {
      const seen = Atomics.load(control, done);
      if (finished() >= command || failed()) break;
      const { async, value } = Atomics.waitAsync(control, done, seen, FAILURE_CHECK_MS);
      if (async) await value;
    }
    check();
    // What the thread has to say arrives a moment after the sign that it failed.
    for (let i = 0; failed(); i++) {
      if (i === FAILURE_LOOKS) throw unknown();
      await new Promise((resolve) => setTimeout(resolve, 5));
      check();
    }
  };

  const post = (kind: CommandKind, ...words: number[]): number => {
    if (posted - finished() >= RING_COMMANDS) waitNow(posted - RING_COMMANDS + 1);
    const slot = (RING + (posted % RING_COMMANDS) * COMMAND_BYTES) / 4;
    control[slot] = kind;
    words.forEach((word, i) => control[slot + 1 + i] = word);
    posted++;
    Atomics.store(control, head, posted | 0);
    Atomics.notify(control, head);
    return posted;
  };

  /** A free piece of the staging ring, after waiting for one where there is none. */
  const stage = (bytes: number, held: boolean): Staged => {
    const size = Math.ceil(bytes / 64) * 64;
    for (;;) {
      while (staged.length > 0 && !staged[0].held && staged[0].command <= finished()) staged.shift();
      const first = staged.at(0)?.start ?? 0;
      const last = staged.at(-1)?.end ?? 0;
      const wraps = staged.length > 0 && last <= first;
      let start = last;
      if (!wraps && start + size > STAGING_BYTES) start = 0;
      const free = staged.length === 0 || (wraps || start < last ? start + size <= first : true);
      if (free) {
        if (staged.length === 0) start = 0;
        const piece: Staged = { command: posted + 1, start, end: start + size, held };
        staged.push(piece);
        return piece;
      }
      if (staged[0].held) throw new DeviceError("too many reads are under way", { hint: "await some of them first" });
      waitNow(staged[0].command);
    }
  };

  return {
    run(calls, count, times) {
      check();
      post(CommandKind.run, calls, count, times);
    },
    profile(calls, count, times) {
      check();
      post(CommandKind.profile, calls, count, times);
    },
    write(address, data) {
      check();
      const { start } = stage(data.byteLength, false);
      new Uint8Array(memory.wasm.buffer, staging + start, data.byteLength).set(data);
      post(CommandKind.copy, address, staging + start, data.byteLength);
    },
    async read(address, target) {
      check();
      const piece = stage(target.byteLength, true);
      try {
        await waitFor(post(CommandKind.copy, staging + piece.start, address, target.byteLength));
        target.set(new Uint8Array(memory.wasm.buffer, staging + piece.start, target.byteLength));
      } finally {
        piece.held = false;
      }
    },
    drain: () => waitFor(posted),
    drainNow: () => waitNow(posted),
    quit() {
      if (!failed()) post(CommandKind.quit);
    },
  };
}

/**
 * Brings files of a folder into the system's page cache before they are read. Where they are there already, reading one after the other is
 * the fastest there is. Where they are not, the disk is asked for one thing at a time and everybody waits: so as long as reading is slow,
 * threads read the files that come next, and throw away what they read. This file is also what runs in those threads.
 */
import { isThreadFor, threadName } from "../thread.ts";

const KIND = "read-ahead";
/** As many requests the disk has at a time, besides that of who reads. */
const THREADS = 4;
/** Reading a small file that is in the page cache takes a tenth of this. */
const SLOW_MS = 0.1;
/** So many more slow ones than fast ones are no accident. */
const SLOW_FILES = 12;
/** Files after which it is tried again whether reading is slow. */
const FILES_IN_A_ROW = 2000;
const FILES_AHEAD = 256;
/** Files that a thread is told of at a time. */
const BATCH = 16;
/** Read of each file. What is behind it, the system itself reads ahead. */
const BYTES = 128 * 1024;

/** Dispose it to end the threads. */
export interface ReadAhead extends Disposable {
  /** How many of the files to come it wants to know. */
  readonly depth: number;
  /** Tells how long reading a small file took. */
  took(milliseconds: number): void;
  /** Tells of a file to come. */
  expect(path: string): void;
}

/** @param slowMs From how many milliseconds on reading is slow. */
export function createReadAhead(slowMs = SLOW_MS): ReadAhead {
  const threads: Worker[] = [];
  let next = 0;
  let slow = 0;
  /** Files that are still to be read ahead. */
  let left = 0;
  let batch: string[] = [];

  const start = (): Worker => {
    const thread = new Worker(import.meta.url, { type: "module", name: threadName(KIND) });
    thread.onerror = (event) => event.preventDefault(); // then it helps no more
    return thread;
  };
  const send = (): void => {
    if (threads.length < THREADS) threads.push(start());
    threads[next++ % threads.length].postMessage(batch);
    batch = [];
  };
  return {
    get depth() {
      return left > 0 ? FILES_AHEAD : 1;
    },
    took(milliseconds) {
      slow = Math.max(0, slow + (milliseconds >= slowMs ? 1 : -1));
      if (left > 0 || slow < SLOW_FILES) return;
      left = FILES_IN_A_ROW;
      slow = 0;
    },
    expect(path) {
      if (left === 0) return;
      left--;
      batch.push(path);
      if (batch.length === BATCH || left === 0) send();
    },
    [Symbol.dispose]() {
      for (const thread of threads) thread.terminate();
    },
  };
}

/** Has a file read, as far as it goes; whoever reads it in earnest says what is wrong with it. */
function touch(path: string, buffer: Uint8Array): void {
  try {
    using file = Deno.openSync(path);
    file.readSync(buffer);
  } catch {
    return;
  }
}

if (isThreadFor(KIND)) {
  const buffer = new Uint8Array(BYTES);
  const scope = globalThis as unknown as { onmessage: (event: MessageEvent<string[]>) => void };
  scope.onmessage = ({ data }) => {
    for (const path of data) touch(path, buffer);
  };
}

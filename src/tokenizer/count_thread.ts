/**
 * A thread that counts pieces. It is this module (or, in a bundle, the whole program) started again under a name of its
 * own; batches of text go in, and come back empty to be filled again; when a segment ends, its counts come out. Buffers
 * are handed over, not copied.
 */

import { CodekilnError } from "../errors.ts";
import { isThreadFor, threadName } from "../thread.ts";
import type { PatternName } from "./patterns.ts";
import type { CountedPieces, TextBatch } from "./piece_batch.ts";
import { createPieceCounter } from "./piece_counter.ts";
import { createSplitter } from "./split.ts";

const KIND = "count-pieces";

type Order =
  | { readonly kind: "start"; readonly pattern: PatternName }
  | { readonly kind: "count"; readonly batch: TextBatch }
  | { readonly kind: "end segment" };

type Answer =
  | { readonly kind: "counted"; readonly batch: TextBatch }
  | { readonly kind: "segment"; readonly counted: CountedPieces; readonly memory: number };

/** What a thread's global scope has, and the main thread's has not all of. */
interface ThreadScope {
  postMessage(message: Answer, transfer: Transferable[]): void;
  onmessage: ((event: MessageEvent<Order>) => void) | null;
}

export interface CountThread {
  /** Batches it has been given and has not given back. */
  readonly waiting: number;
  count(batch: TextBatch): void;
  endSegment(): void;
  /** Stops it, whatever it does. */
  terminate(): void;
}

export interface CountThreadEvents {
  /** A batch has been counted and may be used again. */
  counted(batch: TextBatch): void;
  /** The counts of the segment that has ended; `memory` is the size of the thread's tables, bytes. */
  segment(counted: CountedPieces, memory: number): void;
  failed(error: CodekilnError): void;
}

/** Starts a thread. Everything it says comes through `events`. */
export function startCountThread(pattern: PatternName, events: CountThreadEvents): CountThread {
  const worker = new Worker(import.meta.url, { type: "module", name: threadName(KIND) });
  let waiting = 0;
  const order = (message: Order, transfer: Transferable[] = []) => worker.postMessage(message, transfer);
  worker.onmessage = ({ data }: MessageEvent<Answer>) => {
    if (data.kind === "segment") return events.segment(data.counted, data.memory);
    waiting--;
    events.counted(data.batch);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    events.failed(new CodekilnError(`a thread that counts pieces failed: ${event.message}`));
  };
  order({ kind: "start", pattern });
  return {
    get waiting() {
      return waiting;
    },
    count(batch) {
      waiting++;
      order({ kind: "count", batch }, buffersOf(batch));
    },
    endSegment: () => order({ kind: "end segment" }),
    terminate: () => worker.terminate(),
  };
}

function buffersOf(batch: TextBatch): Transferable[] {
  return [batch.bytes.buffer, batch.ends.buffer];
}

function serve(scope: ThreadScope): void {
  let counter = createPieceCounter(createSplitter("gpt2"));
  scope.onmessage = ({ data }) => {
    if (data.kind === "start") {
      counter = createPieceCounter(createSplitter(data.pattern));
    } else if (data.kind === "count") {
      counter.add(data.batch);
      scope.postMessage({ kind: "counted", batch: data.batch }, buffersOf(data.batch));
    } else {
      const counted = counter.take();
      const { bytes, starts, counts } = counted;
      const transfer = [bytes.buffer, starts.buffer, counts.buffer];
      scope.postMessage({ kind: "segment", counted, memory: counter.memory }, transfer);
    }
  };
}

if (isThreadFor(KIND)) serve(globalThis as unknown as ThreadScope);

/**
 * Counts the different pieces of a corpus with all processors, in bounded memory.
 *
 * The documents come in order and are dealt out in batches to threads, each of which counts in a table of its own. After
 * each segment of the text, of a length that the memory allows, all threads hand in their counts; those are summed up, and
 * only then may pieces be forgotten (see piece_table.ts). Sums do not depend on who counted what, and segments depend on
 * the documents alone, so the result is the same for any number of threads.
 */

import { free } from "./free.ts";
import type { PatternName } from "./patterns.ts";
import { appendText, batchLength, type CountedPieces, createBatch, type TextBatch } from "./piece_batch.ts";
import { createPieceCounter } from "./piece_counter.ts";
import { createPieceTable, type PieceTable, TABLE_COST } from "./piece_table.ts";
import { createSplitter } from "./split.ts";
import { type CountThread, startCountThread } from "./count_thread.ts";

export interface CountOptions {
  pattern: PatternName;
  /** Threads that count. */
  workers: number;
  /** Bytes that all tables together may take. */
  maxMemory: number;
  signal?: AbortSignal;
  /** Called now and then. */
  onProgress?: (progress: CountProgress) => void;
}

export interface CountProgress {
  readonly documents: number;
  /** Bytes of text read. */
  readonly bytes: number;
  /** Different pieces, as far as they are summed up. */
  readonly distinctPieces: number;
}

export interface PieceCounts {
  readonly table: PieceTable;
  readonly documents: number;
  readonly bytes: number;
  /** The most that the tables of all threads took together, bytes. */
  readonly peakMemory: number;
}

/** Bytes of text in a batch, at most; a longer document is a batch by itself. */
const BATCH_BYTES = 1 << 20;
const LONGEST_SEGMENT = 1 << 26;
/** Share of the memory for the pieces of the whole corpus; the rest is for segments on their way and for growing. */
const TABLE_SHARE = 0.35;
/**
 * Share of the memory that a segment's text may have. If all its pieces were short and different, they would take up to 18
 * bytes for each byte of text in the threads and on their way, and 10 more in the sum.
 */
const SEGMENT_SHARE = 1 / 48;
/** Batches that a thread is given before it has given the first back. */
const QUEUED_BATCHES = 2;
/** Time between two reports of progress, in ms; also lets timers and signals have their turn. */
const REPORT_MS = 100;

/**
 * Counts the pieces of all documents.
 * @throws the signal's reason, when it is aborted; the threads have been stopped then.
 */
export async function countPieces(
  documents: AsyncIterable<{ readonly text: Uint8Array }>,
  options: CountOptions,
): Promise<PieceCounts> {
  const { maxMemory, onProgress, signal } = options;
  const segmentBytes = Math.min(LONGEST_SEGMENT, Math.ceil(maxMemory * SEGMENT_SHARE));
  const batchBytes = Math.min(BATCH_BYTES, Math.ceil(segmentBytes / 4));
  using counting = startCounting(options);
  let count = 0;
  let bytes = 0;
  let inSegment = 0;
  let batch = createBatch(batchBytes);
  const report = () => onProgress?.({ documents: count, bytes, distinctPieces: counting.distinct() });
  let nextReport = performance.now() + REPORT_MS;
  for await (const { text } of documents) {
    signal?.throwIfAborted();
    if (!appendText(batch, text)) {
      if (batch.count > 0) await counting.count(batch);
      batch = counting.emptyBatch(Math.max(batchBytes, text.length));
      appendText(batch, text);
    }
    count++;
    bytes += text.length;
    inSegment += text.length;
    if (inSegment >= segmentBytes) {
      await counting.count(batch);
      await counting.endSegment();
      batch = counting.emptyBatch(batchBytes);
      inSegment = 0;
    }
    if (performance.now() > nextReport) {
      report();
      await new Promise((resolve) => setTimeout(resolve, 0));
      nextReport = performance.now() + REPORT_MS;
    }
  }
  signal?.throwIfAborted();
  const { table, peakMemory } = await counting.finish(batch);
  report();
  return { table, documents: count, bytes, peakMemory };
}

interface Counting extends Disposable {
  /** A batch with room for so many bytes of text. */
  emptyBatch(bytes: number): TextBatch;
  /** Hands a batch to a thread, when one has room for it. */
  count(batch: TextBatch): Promise<void>;
  /** Ends a segment: all threads hand in what they have counted. */
  endSegment(): Promise<void>;
  /** Counts the last batch and waits for everything. */
  finish(last: TextBatch): Promise<Pick<PieceCounts, "table" | "peakMemory">>;
  distinct(): number;
}

/** Threads start with the first batch that is not the last: a small text is counted sooner without them. */
function startCounting({ pattern, workers, maxMemory, signal }: CountOptions): Counting {
  const table = createPieceTable();
  const threads: CountThread[] = [];
  const threadMemory: number[] = [];
  /** Counts handed in for segments that are not summed up yet, from segment `summed` on. */
  const handedIn: CountedPieces[][] = [];
  const empty: TextBatch[] = [];
  let summed = 0;
  let ended = 0;
  let peakMemory = 0;
  let failure: Error | null = null;
  let changed = Promise.withResolvers<void>();

  const change = () => {
    changed.resolve();
    changed = Promise.withResolvers();
  };
  const until = async (condition: () => boolean): Promise<void> => {
    for (;;) {
      signal?.throwIfAborted();
      if (failure) throw failure;
      if (condition()) return;
      await changed.promise;
    }
  };
  const measure = () => {
    const onTheWay = handedIn.flat().reduce((sum, counted) => sum + sizeOf(counted), 0);
    peakMemory = Math.max(peakMemory, table.memory + onTheWay + threadMemory.reduce((sum, bytes) => sum + bytes, 0));
  };
  /** Sums up the segments that are whole, in their order. */
  const sumUp = (parts: number) => {
    while (handedIn[0]?.length === parts) {
      measure();
      for (const counted of handedIn[0]) table.add(counted);
      measure();
      for (const { bytes, starts, counts } of handedIn[0]) for (const array of [bytes, starts, counts]) free(array);
      handedIn.shift();
      summed++;
      table.bound(TABLE_COST, maxMemory * TABLE_SHARE, maxMemory * TABLE_SHARE / 2);
    }
  };
  const startThreads = () => {
    for (let worker = 0; worker < workers; worker++) {
      let segment = 0;
      threads.push(startCountThread(pattern, {
        counted(batch) {
          if (batchLength(batch) <= BATCH_BYTES) empty.push(batch);
          change();
        },
        segment(counted, memory) {
          threadMemory[worker] = memory;
          (handedIn[segment++ - summed] ??= []).push(counted);
          sumUp(workers);
          change();
        },
        failed(error) {
          failure ??= error;
          change();
        },
      }));
    }
  };
  signal?.addEventListener("abort", change);

  const counting: Counting = {
    emptyBatch(bytes) {
      const fitting = empty.findIndex((batch) => batch.bytes.length >= bytes);
      const [batch] = fitting < 0 ? [] : empty.splice(fitting, 1);
      return batch ? { ...batch, count: 0 } : createBatch(bytes);
    },
    async count(batch) {
      if (threads.length === 0) startThreads();
      const leastBusy = () => threads.reduce((best, thread) => thread.waiting < best.waiting ? thread : best);
      await until(() => leastBusy().waiting < QUEUED_BATCHES);
      leastBusy().count(batch);
    },
    async endSegment() {
      ended++;
      for (const thread of threads) thread.endSegment();
      // One segment may be on its way while the next is counted, not more.
      await until(() => summed >= ended - 1);
    },
    async finish(last) {
      if (threads.length === 0) {
        const counter = createPieceCounter(createSplitter(pattern));
        counter.add(last);
        threadMemory[0] = counter.memory;
        handedIn.push([counter.take()]);
        sumUp(1);
      } else {
        if (last.count > 0) await counting.count(last);
        await counting.endSegment();
        await until(() => summed === ended);
      }
      return { table, peakMemory };
    },
    distinct: () => table.distinct,
    [Symbol.dispose]() {
      signal?.removeEventListener("abort", change);
      for (const thread of threads) thread.terminate();
    },
  };
  return counting;
}

function sizeOf({ bytes, starts, counts }: CountedPieces): number {
  return bytes.byteLength + starts.byteLength + counts.byteLength;
}

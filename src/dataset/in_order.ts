/** Many things at once, results in order: groups of blocks go to the encoding threads, a bounded amount of them at a time. */
import { setImmediate } from "node:timers";
import type { Block } from "../corpus/block.ts";
import { createBreather } from "../corpus/breathe.ts";
import type { ReadCursor } from "../corpus/place.ts";
import type { CorpusBlocks } from "../corpus/read.ts";
import { copyReport, type CorpusReport } from "../corpus/report.ts";
import type { EncodedBlocks } from "./encode_block.ts";

/** Blocks that are encoded together. */
export interface Group {
  readonly blocks: readonly Block[];
  readonly bytes: number;
  /** The place of the reading behind them. */
  readonly cursor: ReadCursor;
  /** What reading had counted there. */
  readonly reading: CorpusReport;
  /** Whether it is the first and the last one. */
  readonly only: boolean;
}

/** Blocks in a group: of very small files, each has more about it than in it. */
const MAX_BLOCKS = 1000;

/** Blocks in groups of `groupBytes` or a little more, so that small files go together. */
export async function* groupBlocks(
  { blocks: stream, report, cursor }: Pick<CorpusBlocks, "blocks" | "report" | "cursor">,
  groupBytes: number,
): AsyncGenerator<Group> {
  let blocks: Block[] = [];
  let bytes = 0;
  let last: Pick<Group, "cursor" | "reading"> | null = null;
  let only = true;
  for await (const block of stream) {
    if (last !== null && (bytes >= groupBytes || blocks.length >= MAX_BLOCKS)) {
      only = false;
      yield { blocks, bytes, ...last, only };
      [blocks, bytes] = [[], 0];
    }
    blocks.push(block);
    bytes += block.bytes.buffer.byteLength;
    last = { cursor: cursor(), reading: copyReport(report) };
  }
  if (last !== null) yield { blocks, bytes, ...last, only };
}

/** What came of a group. */
export type EncodedGroup = Omit<Group, "blocks"> & { readonly encoded: EncodedBlocks };

/** How often signals are let in. Each time takes some 2 ms, in which other threads work on. */
const BREATH_MS = 100;

/**
 * Encodes groups, several at once, and gives the results in order.
 * @param encode May do its work before it returns, if others have enough to do.
 * @param limits Groups and bytes under way, beyond which the reading waits; a single group may be larger.
 */
export async function* inOrder(
  groups: AsyncIterable<Group>,
  encode: (group: Group) => Promise<EncodedBlocks>,
  limits: { groups: number; bytes: number },
): AsyncGenerator<EncodedGroup> {
  const queue: { bytes: number; done: boolean; result: Promise<EncodedGroup> }[] = [];
  const breathe = createBreather(undefined, BREATH_MS);
  let underWay = 0;
  const takeFirst = async (): Promise<EncodedGroup> => {
    const [first] = queue;
    const result = await first.result;
    queue.shift();
    underWay -= first.bytes;
    return result;
  };
  for await (const group of groups) {
    const isFull = () => queue.length >= limits.groups || underWay + group.bytes > limits.bytes;
    while (queue.length > 0 && (queue[0].done || isFull())) yield await takeFirst();
    const { blocks: _blocks, ...rest } = group;
    const result = encode(group).then((encoded) => ({ ...rest, encoded }));
    const entry = { bytes: group.bytes, done: false, result };
    const markDone = () => void (entry.done = true);
    result.then(markDone, markDone); // an error is told when it is its turn
    queue.push(entry);
    underWay += group.bytes;
    // What other threads have sent comes in here, even where reading never has to wait: at each group with setImmediate, which takes no
    // time; signals only with a breath.
    await (breathe() ?? new Promise<void>((resolve) => void setImmediate(resolve)));
  }
  while (queue.length > 0) yield await takeFirst();
}

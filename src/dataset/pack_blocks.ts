/**
 * Blocks of input, made ready for another thread: what they view is copied into buffers that can be handed over, and lines that
 * follow on each other become one block.
 */
import type { Block, LinesBlock } from "../corpus/block.ts";

/** Copies of blocks, and the buffers that hold their bytes. */
export interface PackedBlocks {
  readonly packed: Block[];
  readonly buffers: ArrayBuffer[];
}

export function packBlocks(blocks: readonly Block[]): PackedBlocks {
  const packed: Block[] = [];
  const buffers: ArrayBuffer[] = [];
  const own = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => {
    const copy = new Uint8Array(bytes);
    buffers.push(copy.buffer);
    return copy;
  };
  for (let i = 0; i < blocks.length;) {
    const block = blocks[i++];
    if (block.kind === "rows") {
      packed.push({ ...block, bytes: own(block.bytes), lengths: block.lengths.slice() });
    } else if (block.kind === "file") {
      packed.push({ ...block, bytes: own(block.bytes) });
    } else {
      const run: LinesBlock[] = [block];
      for (let next = blocks[i]; next?.kind === "lines" && follows(run[run.length - 1], next); next = blocks[++i]) {
        run.push(next);
      }
      const bytes = new Uint8Array(run.reduce((sum, { bytes }) => sum + bytes.length, 0));
      let at = 0;
      for (const part of run) {
        bytes.set(part.bytes, at);
        at += part.bytes.length;
      }
      buffers.push(bytes.buffer);
      packed.push({ ...block, bytes });
    }
  }
  return { packed, buffers };
}

/** Whether `next` begins where `block` ends, in the same stream. */
function follows(block: LinesBlock, next: LinesBlock): boolean {
  return next.label === block.label && next.offset === block.offset + block.bytes.length && next.offset > 0;
}

/** Bytes of text in a block. */
export function blockBytes(block: Block): number {
  return block.bytes.length;
}

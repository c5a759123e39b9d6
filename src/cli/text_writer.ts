/** Writes continued texts: for people as they are made, or as JSON lines. */

import type { FinishedText } from "../generate/texts.ts";

type Write = (data: string) => Promise<void>;

/** The texts of one batch. */
export interface BatchWriter {
  /** A further piece of a text, or its end. */
  add(index: number, text: string, end: FinishedText | null): Promise<void>;
}

export interface TextWriter {
  /** Starts a batch; the texts come out in the order of their prompts. */
  begin(prompts: readonly string[]): BatchWriter;
}

interface Held {
  pieces: string[];
  end: FinishedText | null;
}

/** Hands pieces on in the order of the texts: those of the first open text at once, the others' when their turn comes. */
function inOrder(count: number, emit: (index: number, piece: string, end: FinishedText | null) => Promise<void>) {
  const held: Held[] = Array.from({ length: count }, () => ({ pieces: [], end: null }));
  let current = 0;
  return async (index: number, text: string, end: FinishedText | null) => {
    held[index].pieces.push(text);
    held[index].end = end;
    while (current < count && held[current].pieces.length > 0) {
      const { pieces, end } = held[current];
      await emit(current, pieces.join(""), end);
      held[current].pieces = [];
      if (!end) return;
      current++;
    }
  };
}

const SEPARATOR = "-".repeat(20);

/** Prompt and continuation as one text, a line of dashes between texts. */
export function createTextWriter(write: Write): TextWriter {
  let first = true;
  return {
    begin(prompts) {
      const started = new Set<number>();
      const add = inOrder(prompts.length, async (index, piece, end) => {
        let text = piece;
        if (!started.has(index)) {
          started.add(index);
          text = (first ? "" : `${SEPARATOR}\n`) + prompts[index] + text;
          first = false;
        }
        if (end) text += "\n";
        if (text.length > 0) await write(text);
      });
      return { add };
    },
  };
}

/** One JSON object a line: prompt, text, token_ids (new tokens only), score (mean log-probability), finish_reason. */
export function createJsonWriter(write: Write): TextWriter {
  return {
    begin(prompts) {
      const add = inOrder(prompts.length, async (index, _piece, end) => {
        if (!end) return;
        const { text, tokenIds, score, reason } = end;
        const line = { prompt: prompts[index], text, token_ids: tokenIds, score, finish_reason: reason };
        await write(`${JSON.stringify(line)}\n`);
      });
      return { add };
    },
  };
}

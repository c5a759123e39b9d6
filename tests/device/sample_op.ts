/** The op that chooses tokens, over tensors of its own, for the tests that run it. */
import type { Sample } from "../../src/program/op.ts";
import { persistent } from "../../src/program/tensor.ts";

/** @param generated tokens that each row has room for, `maxPositions` the positions that it may take */
export function sampleOp(batch: number, vocabulary: number, generated = 4, maxPositions = 100): Sample {
  const u = (name: string, ...shape: number[]) => persistent(name, shape, "u32");
  return {
    kind: "sample",
    logits: persistent("logits", [batch, vocabulary]),
    settings: persistent("settings", [8]),
    seed: u("seed", 2),
    sequence: u("sequence", batch),
    seen: u("seen", batch, vocabulary),
    tokens: u("tokens", batch),
    positions: u("positions", batch),
    count: u("count", batch),
    finished: u("finished", batch),
    score: persistent("score", [batch]),
    generated: u("generated", batch, generated),
    maxPositions,
  };
}

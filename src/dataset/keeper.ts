/** Writes checkpoints beside the work: what is written is brought to the disk first, then the journal says so. */
import type { ReadCursor } from "../corpus/place.ts";
import type { CorpusReport } from "../corpus/report.ts";
import { copyReport } from "../corpus/report.ts";
import type { Journal } from "./journal.ts";
import type { NotedHashes } from "./noted_hashes.ts";
import type { TokenFiles } from "./token_files.ts";

/** How far the writing has come. */
export interface Written {
  readonly cursor: ReadCursor;
  /** What reading had counted there. */
  readonly reading: CorpusReport;
  /** What the gate had counted there. */
  readonly gate: CorpusReport;
}

export interface Keeper {
  /**
   * Begins a checkpoint, if it is time and none is under way.
   * @param now Whether it is time in any case.
   * @throws what the last one failed with
   */
  offer(written: Written, now?: boolean): void;
  /** Writes a checkpoint now. */
  keep(written: Written): Promise<void>;
  /** Waits for the checkpoint under way. @throws what it failed with */
  idle(): Promise<void>;
}

export function createKeeper(
  { files, hashes, journal, everyMs }: {
    files: TokenFiles;
    hashes: NotedHashes | null;
    journal: Journal;
    everyMs: number;
  },
): Keeper {
  let underWay: Promise<void> | null = null;
  let failed: { error: unknown } | null = null;
  let ended = performance.now();

  const keep = async ({ cursor, reading, gate }: Written): Promise<void> => {
    // All that is said is taken down at once, before the first wait: the work goes on meanwhile.
    const record = {
      kind: "checkpoint" as const,
      cursor,
      reading: { ...copyReport(reading) },
      gate: { ...copyReport(gate) },
      files: files.state(),
      hashes: hashes?.state() ?? 0,
    };
    await Promise.all([files.sync(), hashes?.sync()]);
    await journal.append(record);
  };
  return {
    offer(written, now = false) {
      if (failed) throw failed.error;
      if (underWay !== null || (!now && performance.now() - ended < everyMs)) return;
      underWay = keep(written)
        .catch((error) => {
          failed = { error };
        })
        .finally(() => {
          underWay = null;
          ended = performance.now();
        });
    },
    keep,
    async idle() {
      await underWay;
      if (failed) throw failed.error;
    },
  };
}

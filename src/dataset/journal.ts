/**
 * The journal of a run of `data`: what it was asked for, and from time to time how far it has come. A run that was stopped or killed
 * goes on at the last record.
 *
 * One record a line: CRC-32 (8 hex digits), a space, JSON. The first says what the run was asked for; then come checkpoints, each written
 * when all that it covers is on the disk; the last says that the files are whole and only have to be renamed. A line that is cut off or
 * damaged ends the journal: it and what follows are as if never written.
 */
import { crc32 } from "node:zlib";
import * as v from "valibot";
import { CodekilnError, UserError } from "../errors.ts";
import { partialName, reason, removeIfPresent, writeFully } from "../files.ts";

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const languages = v.record(v.string(), v.object({ documents: count, bytes: count }));
/** A CorpusReport, whose members other versions may have more or fewer of. */
const report = v.record(v.string(), v.unknown());

/** Of what records and the partial files hold. */
const VERSION = 2;

const headerSchema = v.object({
  kind: v.literal("run"),
  version: count,
  /** What a run must share with this one to go on with it: texts by the name under which the user knows them. */
  asked: v.record(v.string(), v.string()),
});

const checkpointSchema = v.object({
  kind: v.literal("checkpoint"),
  cursor: v.object({
    file: count,
    path: v.string(),
    stream: count,
    offset: count,
    line: count,
    plain: v.boolean(),
    files: v.string(),
  }),
  /** What reading has counted up to the cursor. */
  reading: report,
  /** What the gate has counted up to the cursor. */
  gate: report,
  /** The token files, one for each part of the split, or one. */
  files: v.array(v.object({
    state: v.object({ documents: count, tokens: count, textBytes: count, lensCrc: count }),
    fingerprint: v.string(),
    languages,
  })),
  /** Documents whose hashes are noted; see noted_hashes.ts. */
  hashes: count,
});

const finishedSchema = v.object({
  kind: v.literal("finished"),
  /** Those that have documents. */
  prefixes: v.array(v.string()),
  /** Those that have none. */
  empty: v.array(v.string()),
});

const recordSchema = v.variant("kind", [headerSchema, checkpointSchema, finishedSchema]);

export type JournalHeader = v.InferOutput<typeof headerSchema>;
export type Checkpoint = v.InferOutput<typeof checkpointSchema>;
export type Finished = v.InferOutput<typeof finishedSchema>;
type JournalRecord = v.InferOutput<typeof recordSchema>;

/** What a journal holds. */
export interface JournalContent {
  readonly asked: Readonly<Record<string, string>>;
  readonly checkpoints: readonly Checkpoint[];
  readonly finished: Finished | null;
}

export interface Journal extends Disposable {
  readonly path: string;
  /** Appends a record and waits until it is on the disk. */
  append(record: Checkpoint | Finished): Promise<void>;
  /** Closes and removes it. */
  remove(): void;
}

export function journalPath(prefix: string): string {
  return partialName(`${prefix}_journal`);
}

/** Reads a journal; null where there is none. @throws {CodekilnError} where not even its first record is whole. */
export function readJournal(prefix: string): JournalContent | null {
  const path = journalPath(prefix);
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return null;
    throw new UserError(`cannot read the journal of a stopped run: ${reason(cause)}`, { where: path, cause });
  }
  const records = [...parseRecords(text)];
  const [header, ...rest] = records;
  if (header?.kind !== "run") {
    throw new CodekilnError("the journal of a stopped run is damaged", {
      where: path,
      hint: "--overwrite begins anew",
    });
  }
  if (header.version !== VERSION) {
    throw new UserError("the stopped run is one of another version of codekiln", {
      where: path,
      hint: "--overwrite begins anew",
    });
  }
  const checkpoints: Checkpoint[] = [];
  let finished: Finished | null = null;
  for (const record of rest) {
    if (record.kind === "checkpoint") checkpoints.push(record);
    else if (record.kind === "finished") finished = record;
  }
  return { asked: header.asked, checkpoints, finished };
}

function* parseRecords(text: string): Generator<JournalRecord> {
  for (let at = 0;;) {
    const end = text.indexOf("\n", at);
    if (end < 0) return;
    const line = text.slice(at, end);
    at = end + 1;
    const body = line.slice(9);
    if (line.slice(0, 9) !== `${checksum(body)} `) return;
    let value: unknown;
    try {
      value = JSON.parse(body);
    } catch {
      return;
    }
    const result = v.safeParse(recordSchema, value);
    if (!result.success) return;
    yield result.output;
  }
}

function checksum(body: string): string {
  return crc32(body).toString(16).padStart(8, "0");
}

function lineOf(record: JournalRecord): Uint8Array {
  const body = JSON.stringify(record);
  return new TextEncoder().encode(`${checksum(body)} ${body}\n`);
}

/**
 * Starts a journal, in place of any that is there. It is whole, with its first records, when it appears.
 * @param from The checkpoint that the run goes on from.
 */
export function createJournal(prefix: string, asked: Record<string, string>, from: Checkpoint | null): Journal {
  const path = journalPath(prefix);
  const fresh = `${path}.new`;
  {
    using file = Deno.openSync(fresh, { create: true, write: true, truncate: true });
    writeFully(file, lineOf({ kind: "run", version: VERSION, asked }), fresh);
    if (from) writeFully(file, lineOf(from), fresh);
    file.syncSync();
  }
  Deno.renameSync(fresh, path);
  const file = Deno.openSync(path, { append: true });
  let open = true;
  const close = () => {
    if (open) file.close();
    open = false;
  };
  return {
    path,
    async append(record) {
      writeFully(file, lineOf(record), path);
      await file.syncData();
    },
    remove() {
      close();
      removeIfPresent(path);
    },
    [Symbol.dispose]: close,
  };
}

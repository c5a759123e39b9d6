/**
 * From a corpus to token files, with all processors and in memory that does not grow: this thread reads and decompresses, it and others
 * parse and encode, and the results are written in the order of the reading. So the files are the same bytes for any number of threads.
 *
 * A journal (journal.ts) keeps how far the files have come; a run that was stopped or killed goes on from there, and gives the bytes
 * that it would have given.
 */
import { createCorpusGate, readBlocks, type ReadCorpusOptions } from "../corpus/read.ts";
import { type CorpusReport, createReport, joinReports, restoreReport } from "../corpus/report.ts";
import { FormatError, UserError } from "../errors.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { requireEos } from "./build.ts";
import { createEncodePool } from "./encode_pool.ts";
import type { HashSplit } from "./hash_split.ts";
import { type EncodedGroup, type Group, groupBlocks, inOrder } from "./in_order.ts";
import { type Checkpoint, createJournal, type Journal } from "./journal.ts";
import { createKeeper, type Keeper, type Written } from "./keeper.ts";
import { type NotedHashes, openNotedHashes } from "./noted_hashes.ts";
import { inputStats } from "./input_stats.ts";
import { type Asked, askedOf, findRun } from "./run_state.ts";
import { idsDtype } from "./token_writer.ts";
import { type EncodeThread, startThreadAhead } from "./thread_handle.ts";
import { createTokenFiles, outputPrefixes, publishAll, type TokenFiles, type WrittenFile } from "./token_files.ts";

export interface TokenizeOptions {
  /** Files, folders, or `-` for standard input, which cannot be read again: such a run cannot be resumed. */
  readonly paths: readonly string[];
  /** How to read them. Its `onProgress` is told what has been read, not what has been written. */
  readonly reading: ReadCorpusOptions;
  /** Other threads grow theirs from its seed, or load it again by its name. */
  readonly tokenizer: Tokenizer;
  /** Name of the tokenizer in the description; default: its own. */
  readonly tokenizerName?: string;
  /** Path of the files without `_ids.npy` and so on. */
  readonly prefix: string;
  /** Puts the end-of-text id after every document. Default true. */
  readonly appendEos?: boolean;
  /** Threads that encode, the calling one included; default: as many as there are processors. */
  readonly workers?: number;
  /** What `startThreadAhead` has started for these paths and workers; ended here. Default: it is called here. */
  readonly ahead?: EncodeThread | null;
  /** Writes a file for each part, `<prefix>_train` and so on. */
  readonly split?: HashSplit | null;
  /** Goes on where an earlier run was stopped, if there is one. */
  readonly resume?: boolean;
  /** Begins anew where an earlier run was stopped. */
  readonly overwrite?: boolean;
  /** The options that the documents were chosen with: kept in the description, and the same when a run is resumed. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** What the descriptions say of what was read and left out. */
  readonly corpus?: (report: CorpusReport) => Record<string, unknown>;
  /** Called when documents were written. */
  readonly onProgress?: (progress: { documents: number; tokens: number; textBytes: number }) => void;
  /** Called once, where the run goes on from an earlier one. */
  readonly onResumed?: (progress: { documents: number; tokens: number }) => void;
  /** Milliseconds between checkpoints; default 250. */
  readonly checkpointMs?: number;
  /** Bytes of input that are encoded at a time; default 1 MiB. */
  readonly groupBytes?: number;
}

export interface Tokenized {
  /** The token files; parts without a document are left out. */
  readonly files: readonly WrittenFile[];
  /** What was read and left out; null where an earlier run had finished already and there was nothing to do. */
  readonly report: CorpusReport | null;
}

const defaultCheckpointMs = 250;
const defaultGroupBytes = 1024 * 1024;
/** Groups under way for each thread: those that it holds (encode_pool.ts), and one that waits for its turn to be written. */
const groupsPerThread = 4;
/** Bytes of input under way. */
const maxBytesUnderWay = 64 * 1024 * 1024;

/**
 * Encodes a corpus into `<prefix>_ids.npy`, `<prefix>_idx.npz` and `<prefix>_meta.json`.
 *
 * Where it is stopped (`reading.signal`) or fails for a reason outside of the data, such as a full disk, what is done is kept for
 * `resume`. Where the data or the options are at fault, nothing is left.
 * @throws {UserError} where a stopped run is in the way, or is not the one to be resumed, naming the difference.
 */
export async function tokenizeCorpus(run: TokenizeOptions): Promise<Tokenized> {
  const { paths, reading, tokenizer, prefix, appendEos = true, split = null, options = {} } = run;
  using ahead = run.ahead === undefined ? await startThreadAhead(paths, run.workers) : run.ahead;
  reading.signal?.throwIfAborted();
  requireEos(tokenizer, appendEos);
  const asked = await askedOf({ paths, tokenizer, appendEos, split, options });
  const prefixes = outputPrefixes(prefix, split);
  const resumable = await canBeReadAgain(paths);
  const found = findRun(prefix, prefixes, asked, { resume: run.resume, overwrite: run.overwrite, resumable });
  if (found.kind === "finished") {
    return { files: found.files, report: null };
  }
  using work = openWork(run, { asked, from: found.checkpoint, resumable });
  try {
    const report = await encodeAll(run, work, { from: found.checkpoint, ahead });
    const files = work.files.prepare({
      tokenizer: { name: run.tokenizerName ?? tokenizer.name, fingerprint: tokenizer.fingerprint },
      eos_id: tokenizer.eosId,
      append_eos: appendEos,
      options: { ...options },
      corpus: run.corpus?.(report),
    });
    const written = files.map((file) => file.prefix);
    const empty = prefixes.filter((name) => !written.includes(name));
    await work.journal?.append({ kind: "finished", prefixes: written, empty });
    work.files.suspend();
    publishAll(written, empty);
    work.hashes?.remove();
    work.journal?.remove();
    return { files, report };
  } catch (error) {
    const stopped = reading.signal?.aborted ?? false;
    await keepOrRemove(error, work, { stopped, resumed: found.checkpoint !== null });
    throw error;
  }
}

/** The files of a run that is under way. Disposing closes them, and removes those that are not kept. */
interface Work extends Disposable {
  readonly files: TokenFiles;
  /** Null where nothing is left out as a duplicate. */
  readonly hashes: NotedHashes | null;
  /** Null for standard input and pipes. */
  readonly journal: Journal | null;
  readonly keeper: Keeper | null;
  /** The gate's counts. */
  readonly counts: CorpusReport;
  readonly gate: ReturnType<typeof createCorpusGate>;
  last: Written | null;
  /** Whether counts and files are between two groups: what then fails leaves nothing that a checkpoint could be made of. */
  between: boolean;
}

function openWork(
  run: TokenizeOptions,
  { asked, from, resumable }: { asked: Asked; from: Checkpoint | null; resumable: boolean },
): Work {
  const { reading, tokenizer, prefix, split = null, checkpointMs: everyMs = defaultCheckpointMs } = run;
  const counts = createReport();
  const gate = createCorpusGate(counts, reading);
  const files = createTokenFiles(prefix, { vocabSize: tokenizer.vocabSize, split, from: from?.files ?? null });
  let hashes: NotedHashes | null = null;
  try {
    if (reading.deduplicate && resumable) {
      const seen = (hash: Uint32Array) => gate.admit({ hash, language: null, undecodable: false, textBytes: 0 });
      hashes = openNotedHashes(prefix, from?.hashes ?? 0, seen);
    }
    if (from) restoreReport(counts, from.gate as unknown as CorpusReport);
    const journal = resumable ? createJournal(prefix, asked, from) : null;
    const keeper = journal && createKeeper({ files, hashes, journal, everyMs });
    const dispose = () => {
      files[Symbol.dispose]();
      hashes?.suspend();
      journal?.[Symbol.dispose]();
    };
    return { files, hashes, journal, keeper, counts, gate, last: null, between: true, [Symbol.dispose]: dispose };
  } catch (error) {
    if (from) files.suspend();
    files[Symbol.dispose]();
    hashes?.suspend();
    throw error;
  }
}

/** Reads, encodes and writes everything. @returns what was counted */
async function encodeAll(
  run: TokenizeOptions,
  work: Work,
  { from, ahead }: { from: Checkpoint | null; ahead: EncodeThread | null },
): Promise<CorpusReport> {
  const { paths, reading, tokenizer, appendEos = true, workers = navigator.hardwareConcurrency } = run;
  const start = from && { cursor: from.cursor, report: { ...createReport(), ...from.reading } };
  const corpus = readBlocks(paths, reading, start);
  if (from) run.onResumed?.(work.files);
  const { stdin: _stdin, signal, onProgress: _progress, onDamage: _damage, ...parse } = reading;
  using pool = createEncodePool({
    workers,
    tokenizer,
    ahead,
    onBlockDone: corpus.reuse,
    parse,
    eosId: appendEos ? tokenizer.eosId : null,
    wide: idsDtype(tokenizer.vocabSize) !== "<u2",
  });
  /** The groups; while the last ones are encoded, what is written is brought to the disk: little is left of that for the end. */
  async function* groups(): AsyncGenerator<Group> {
    yield* groupBlocks(corpus, run.groupBytes ?? defaultGroupBytes);
    if (work.last) work.keeper?.offer(work.last, true);
  }
  const limits = { groups: workers * groupsPerThread, bytes: maxBytesUnderWay };
  // A corpus of one group is not worth the start of a thread.
  const encode = ({ blocks, only }: Group) => only ? pool.encodeHere(blocks) : pool.encode(blocks);
  for await (const group of inOrder(groups(), encode, limits)) {
    signal?.throwIfAborted();
    write(group, work);
    pool.reuse(group.encoded.ids.buffer);
    run.onProgress?.(work.files);
    if (work.last) work.keeper?.offer(work.last);
  }
  signal?.throwIfAborted();
  await work.keeper?.idle();
  return joinReports(corpus.report, work.counts);
}

/** Whether all inputs can be read again from where a run was stopped, as standard input and pipes cannot. */
async function canBeReadAgain(paths: readonly string[]): Promise<boolean> {
  const stats = await inputStats(paths);
  return stats.every((stat) => stat !== null && (stat.isFile || stat.isDirectory));
}

/** Lets the documents of a group through the gate and appends them. */
function write({ encoded, cursor, reading }: EncodedGroup, work: Work): void {
  const { gate, hashes, files, counts } = work;
  work.between = false;
  const { contentHashes, languages, languageNames, undecodable, textBytes, leftOut } = encoded;
  leftOut.forEach(gate.count);
  files.add(encoded, (i) => {
    const hash = contentHashes.length > 0 ? contentHashes.subarray(4 * i, 4 * i + 4) : null;
    const admitted = gate.admit({
      hash,
      language: languageNames[languages[i]],
      undecodable: undecodable[i] === 1,
      textBytes: textBytes[i],
    });
    if (admitted && hash) hashes?.add(hash);
    return admitted;
  });
  work.last = { cursor, reading, gate: counts };
  work.between = true;
}

/** After a failure: keeps what was written where a resumed run could do better, else removes it. */
async function keepOrRemove(
  error: unknown,
  work: Work,
  { stopped, resumed }: { stopped: boolean; resumed: boolean },
): Promise<void> {
  const { files, hashes, journal, keeper, last, between } = work;
  if (journal === null) return; // disposing removes the files
  // Whatever a reader made of the signal: what is done is kept.
  const dataAtFault = !stopped && (error instanceof FormatError || (error instanceof UserError && !resumed));
  if (dataAtFault || (last === null && !resumed)) {
    await keeper?.idle().catch(() => {});
    hashes?.remove();
    journal.remove();
    return;
  }
  try {
    await keeper?.idle();
    if (last && between) await keeper?.keep(last);
  } catch {
    // The disk is full, say: then the last checkpoint that could be written counts.
  }
  files.suspend();
}

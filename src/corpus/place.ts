/**
 * Keeps the place of a reading, and finds it again. A place is a file by its number, a stream in it (a jsonl file, a member of an
 * archive, a table) by its number, and how much of the stream has been given out: nothing that depends on how the bytes happened to
 * come. Reading on passes over the files that are dealt with without opening them, but holds their names, sizes and times of change
 * against those of the first reading; within the file it reads and drops, or goes to the place where the file allows it.
 */
import { UserError } from "../errors.ts";
import type { Block } from "./block.ts";
import { type CorpusReport, restoreReport } from "./report.ts";

/** How far a reading has come. */
export interface ReadCursor {
  /** Number of the file (not member of an archive) that the last block came from. */
  readonly file: number;
  readonly path: string;
  /** Number of the stream in that file. */
  readonly stream: number;
  /** Of the stream: bytes of lines, rows, or 1 for a whole file. */
  readonly offset: number;
  /** Number of the stream's next line, from 1. */
  readonly line: number;
  /** Whether offsets of the stream are offsets of the file. */
  readonly plain: boolean;
  /** A hash, hex, chained over path, size and time of change of all files up to this one. */
  readonly files: string;
}

/** Size and time of change of a file. */
export interface FileIdentity {
  readonly size: number;
  /** Milliseconds of Unix time. */
  readonly modified: number;
}

/** A jsonl file is to be read from here on. */
export interface ReadOn {
  readonly line: number;
  readonly offset: number;
}

export interface Place {
  /** Whether the next file is dealt with already. */
  isBehind(): boolean;
  /** The next file begins. @throws UserError where it is not the one that the earlier reading stopped in. */
  enter(path: string, identity: FileIdentity): void;
  /** Where a plain jsonl file that has just begun is to be read from; null: from its start. */
  readOn(): ReadOn | null;
  /** What of a block is new; null where the earlier reading had all of it. */
  fresh(block: Block): Block | null;
  /** The place behind the last block. */
  cursor(): ReadCursor;
  endOfFile(): void;
  /** All inputs have ended. @throws UserError where the place was not found. */
  end(): void;
}

/**
 * @param report What the reading counts into; set to what it was at the place when that is reached.
 * @param from The place to find; null: the start.
 */
export function createPlace(report: CorpusReport, from: { cursor: ReadCursor; report: CorpusReport } | null): Place {
  const goal = from?.cursor ?? null;
  let found = goal === null;
  /** Of the stream that the last block came from. */
  let label: string | null = null;
  let at = { file: -1, path: "", stream: -1, offset: 0, line: 1, plain: false, files: "" };

  const restore = (): void => {
    if (found || from === null) return;
    found = true;
    restoreReport(report, from.report);
  };
  const changed = (what: string): UserError =>
    new UserError(what, {
      where: goal?.path ?? "",
      expected: "the inputs as they were when the run was stopped",
      hint: "--overwrite begins anew",
    });
  return {
    isBehind: () => goal !== null && at.file + 1 < goal.file,
    enter(path, { size, modified }) {
      const files = chained(at.files, `${path}\n${size} ${modified}\n`);
      at = { file: at.file + 1, path, stream: -1, offset: 0, line: 1, plain: false, files };
      label = null;
      if (goal === null || at.file !== goal.file) return;
      if (path !== goal.path) throw changed(`files were added, removed or renamed: ${path} stands in its place`);
      if (files !== goal.files) throw changed("this file, or one before it, has changed");
    },
    readOn() {
      if (found || goal === null || at.file !== goal.file || !goal.plain) return null;
      at = { ...at, stream: goal.stream, offset: goal.offset, line: goal.line };
      restore();
      return { line: goal.line, offset: goal.offset };
    },
    fresh(block) {
      const start = startOf(block);
      // A stream whose first lines were left out does not begin at 0.
      const isNew = start === 0 || start < at.offset || (label !== null && block.label !== label);
      if (at.stream < 0 || isNew) at.stream++;
      label = block.label;
      at.offset = start + lengthOf(block);
      at.line = block.kind === "lines" ? block.line + block.lines : 1;
      at.plain = block.kind === "lines" && block.plain;
      if (found || goal === null) return block;
      if (at.file !== goal.file || at.stream < goal.stream || at.offset <= goal.offset) {
        if (at.stream === goal.stream && at.offset === goal.offset) restore();
        return null;
      }
      restore();
      return at.stream === goal.stream && start < goal.offset ? cut(block, goal) : block;
    },
    cursor: () => ({ ...at }),
    endOfFile() {
      if (!found && goal !== null && at.file === goal.file) throw changed("the file ends before that place");
    },
    end() {
      if (!found) throw changed(`there are only ${at.file + 1} files`);
    },
  };
}

/** A hash of 64 bits that goes on from an earlier one. It tells changes by accident, millions of times a second. */
function chained(hash: string, text: string): string {
  let a = parseInt(hash.slice(0, 8) || "0", 16) ^ 0x9e3779b9;
  let b = parseInt(hash.slice(8) || "0", 16) ^ 0x85ebca6b;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 0x2c1b3c6d);
    b = Math.imul(b ^ code, 0x297a2d39);
    a ^= b >>> 15;
    b ^= a >>> 13;
  }
  return [a, b].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}

function startOf(block: Block): number {
  return block.kind === "lines" ? block.offset : block.kind === "rows" ? block.row - 1 : 0;
}

function lengthOf(block: Block): number {
  return block.kind === "lines" ? block.bytes.length : block.kind === "rows" ? block.lengths.length : 1;
}

/** What of a block lies behind a place that is not its start: decompressors may cut the same stream elsewhere. */
function cut(block: Block, { offset, line }: ReadCursor): Block {
  if (block.kind === "lines") {
    const lines = block.lines - (line - block.line);
    return { ...block, bytes: block.bytes.subarray(offset - block.offset), lines, offset, line };
  }
  if (block.kind !== "rows") return block;
  const done = offset - (block.row - 1);
  const bytes = block.lengths.subarray(0, done).reduce((sum, length) => sum + Math.max(0, length), 0);
  return {
    ...block,
    row: offset + 1,
    bytes: block.bytes.subarray(bytes),
    lengths: block.lengths.slice(done),
    paths: block.paths.slice(done),
    languages: block.languages.slice(done),
  };
}

/**
 * The errors that codekiln raises on purpose: what happened, where, what was expected, and a hint.
 * `UserError` is the user's mistake (exit code 2); any other `CodekilnError` is a failure (exit code 1).
 */

/** The parts of an error message beyond its first sentence. */
export interface ErrorDetails {
  /** File, byte offset, option or tensor that the error is about. */
  where?: string;
  /** What would have been right. */
  expected?: string;
  /** What the reader can do about it. */
  hint?: string;
  cause?: unknown;
}

/** A failure with what happened, where, what was expected and a hint; `message` holds all of them. */
export class CodekilnError extends Error {
  override name = "CodekilnError";
  readonly details: ErrorDetails;

  constructor(what: string, details: ErrorDetails = {}) {
    const where = details.where ? `${details.where}: ` : "";
    const expected = details.expected ? ` (expected ${details.expected})` : "";
    const hint = details.hint ? `\nHINT: ${details.hint}` : "";
    super(`${where}${what}${expected}${hint}`, { cause: details.cause });
    this.details = details;
  }
}

/** The user's mistake: a wrong option, a missing file, an unusable input. The program exits with code 2. */
export class UserError extends CodekilnError {
  override name = "UserError";
}

/** Data that is not what its format says: a truncated archive, a hostile header. The program exits with code 1. */
export class FormatError extends CodekilnError {
  override name = "FormatError";
}

/** Tensors whose shapes do not fit an operation. Names the op, the tensors and their shapes. */
export class ShapeError extends CodekilnError {
  override name = "ShapeError";
}

/** A device that is absent, lost, out of memory or that reported an error. */
export class DeviceError extends CodekilnError {
  override name = "DeviceError";
}

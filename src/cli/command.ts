/** What a command is: a name, an option table, examples, and a function that gets the values and the outside world. */

import type { OptionTable } from "./options.ts";
import type { ParsedOptions } from "./parse_options.ts";

/** The outside world as a command sees it. Nothing below src/cli reads arguments, prints, or handles signals. */
export interface CommandContext {
  /** Aborted by the first SIGINT or SIGTERM: finish the step, save, return. The second one ends the process. */
  readonly signal: AbortSignal;
  readonly stdin: ReadableStream<Uint8Array>;
  /** Writes results. Resolves when the bytes are handed over; a string is written as UTF-8. */
  readonly write: (data: string | Uint8Array) => Promise<void>;
  /** Writes one line for the reader to stderr. */
  readonly note: (line: string) => void;
  /** Finds the corpus of the quickstart; absent outside a checkout, where no npm packages can be fetched. */
  readonly quickstartCorpus?: () => Promise<QuickstartCorpus>;
}

/** Real source code to train on when the user gives none. */
export interface QuickstartCorpus {
  /** Folders and archives for `readCorpus`. */
  readonly input: readonly string[];
  /** Globs of the files to read in them. */
  readonly include: readonly string[];
  /** Globs of the files to leave out. */
  readonly exclude: readonly string[];
  /** Where it comes from, for the reader: `pyodide 0.29.0 (Python standard library)`. */
  readonly sources: readonly string[];
}

export interface Example {
  readonly what: string;
  /** Without the program's name. */
  readonly command: string;
}

/** A command with its options' types forgotten, as the registry holds it. */
export interface Command {
  /** As typed: `data`, `tokenizer train`. */
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** A paragraph for the command's own help. */
  readonly description: string;
  readonly options: OptionTable;
  readonly examples: readonly Example[];
  /** Parses the arguments and returns what will run them. @throws UserError */
  readonly prepare: (args: readonly string[]) => PreparedCommand;
}

export interface PreparedCommand {
  readonly helpAsked: boolean;
  readonly debug: boolean;
  readonly run: (context: CommandContext) => Promise<void>;
}

export interface CommandDefinition<T extends OptionTable> extends Omit<Command, "options" | "prepare"> {
  readonly options: T;
  readonly run: (parsed: ParsedOptions<T>, context: CommandContext) => Promise<void>;
}

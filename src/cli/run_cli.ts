/**
 * Runs one command line from its words to its exit code.
 *
 * Exit codes: 0 done, 1 a failure, 2 the user's mistake, 130 and 143 stopped by SIGINT and SIGTERM after saving.
 */

import { CodekilnError, UserError } from "../errors.ts";
import type { Command, CommandContext, PreparedCommand } from "./command.ts";
import { commandHelp, programHelp } from "./help.ts";
import { nearestName } from "./nearest.ts";
import { noteStderr, OutputClosed, writeStdout } from "./output.ts";

export const exitCodes = { done: 0, failure: 1, userMistake: 2, SIGINT: 130, SIGTERM: 143 } as const;

type StopSignal = "SIGINT" | "SIGTERM";
const stopSignals: readonly StopSignal[] = ["SIGINT", "SIGTERM"];

export interface Program {
  readonly commands: readonly Command[];
  readonly version: string;
  readonly quickstartCorpus?: CommandContext["quickstartCorpus"];
}

/**
 * Runs the command that the words name and returns the process's exit code. Never throws.
 *
 * @param args the words after the program's name
 */
export async function runCli(program: Program, args: readonly string[]): Promise<number> {
  let debug = args.includes("--debug");
  using stop = listenForStop();
  try {
    const prepared = prepare(program, args);
    if (typeof prepared === "string") {
      await writeStdout(prepared);
      return exitCodes.done;
    }
    debug = prepared.debug;
    await prepared.run({
      signal: stop.signal,
      get stdin() {
        // A stop also ends the waiting for input that may never come.
        return Deno.stdin.readable.pipeThrough(new TransformStream(), { signal: stop.signal });
      },
      write: writeStdout,
      note: noteStderr,
      quickstartCorpus: program.quickstartCorpus,
    });
    return stop.received() ? exitCodes[stop.received() ?? "SIGINT"] : exitCodes.done;
  } catch (error) {
    if (error instanceof OutputClosed) return exitCodes.done;
    const received = stop.received();
    if (received && isAbort(error, stop.signal)) {
      noteStderr(`stopped by ${received}`);
      return exitCodes[received];
    }
    reportError(error, debug);
    return error instanceof UserError ? exitCodes.userMistake : exitCodes.failure;
  }
}

/** Finds the command and parses its options; a string is a text to print instead. */
function prepare(program: Program, args: readonly string[]): PreparedCommand | string {
  const [first, second] = args;
  if (first === undefined || first === "--help" || first === "-h" || first === "help") {
    return programHelp(program.commands, program.version);
  }
  if (first === "--version" || first === "-V") return `codekiln ${program.version}\n`;

  const found = program.commands.find((command) => command.name === first) ??
    program.commands.find((command) => command.name === `${first} ${second}`);
  if (!found) return groupHelp(program, first, second);
  const prepared = found.prepare(args.slice(found.name.split(" ").length));
  return prepared.helpAsked ? commandHelp(found) : prepared;
}

/** For a word like `tokenizer` alone: the help of all commands that start with it. */
function groupHelp(program: Program, first: string, second: string | undefined): string {
  const group = program.commands.filter((command) => command.name.startsWith(`${first} `));
  if (group.length === 0) throw unknownCommand(first, program.commands.map((command) => command.name));
  if (second === "--help" || second === "-h") return group.map(commandHelp).join("\n");
  const names = group.map((command) => command.name);
  if (second !== undefined && !second.startsWith("-")) throw unknownCommand(`${first} ${second}`, names);
  throw new UserError(`"${first}" needs to be told what to do`, { expected: names.join(", ") });
}

function unknownCommand(name: string, known: readonly string[]): UserError {
  const nearest = nearestName(name, known);
  const looksLikeOption = name.startsWith("-");
  const what = looksLikeOption ? `expected a command before "${name}"` : `unknown command "${name}"`;
  const hint = looksLikeOption || !nearest ? "codekiln --help lists the commands" : `did you mean "${nearest}"?`;
  return new UserError(what, { hint });
}

/** The first signal aborts, so that the command can save and return; the second ends the process. */
function listenForStop() {
  const controller = new AbortController();
  let received: StopSignal | null = null;
  const listeners = stopSignals.map((name) => {
    const listener = () => {
      if (received) Deno.exit(exitCodes[name]);
      received = name;
      noteStderr(`\n${name}: stopping; once more to stop at once`);
      controller.abort(new DOMException(`stopped by ${name}`, "AbortError"));
    };
    Deno.addSignalListener(name, listener);
    return { name, listener };
  });
  return {
    signal: controller.signal,
    received: (): StopSignal | null => received,
    [Symbol.dispose]() {
      for (const { name, listener } of listeners) Deno.removeSignalListener(name, listener);
    },
  };
}

function isAbort(error: unknown, signal: AbortSignal): boolean {
  return error === signal.reason || (error instanceof Error && error.name === "AbortError");
}

/** Tells what went wrong on stderr: in a line with its hint, or with stack traces. */
export function reportError(error: unknown, debug: boolean): void {
  if (debug && error instanceof Error) {
    noteStderr(`error: ${error.message}\n${error.stack ?? ""}`);
    for (let cause = error.cause; cause instanceof Error; cause = cause.cause) {
      noteStderr(`caused by: ${cause.stack ?? cause.message}`);
    }
    return;
  }
  if (error instanceof CodekilnError) return noteStderr(`error: ${error.message}`);
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  noteStderr(`error: ${text.split("\n")[0]}\nHINT: --debug shows where it came from`);
}

/**
 * Reads a command's options from the command line and from `--config`, by its table.
 *
 * `--max-seq-len` and `--max_seq_len` are the same option; `--x=v` and `--x v` the same value; a bare boolean is true
 * and `--no-x` is false. A list option takes every following word up to the next option. node:util's parseArgs is not
 * used: it knows neither the second spelling nor lists of several values, and its messages name no neighbours.
 */

import { UserError } from "../errors.ts";
import { nearestName } from "./nearest.ts";
import { commonOptions, defaultValue, type OptionSpec, type OptionTable, type OptionValues } from "./options.ts";
import { expectedValue, parseValue } from "./parse_value.ts";

/** A command's options after parsing. */
export interface ParsedOptions<T extends OptionTable> {
  /** A value for every option of the table. */
  readonly values: OptionValues<T>;
  /** Names of the options that the command line or the configuration file gave. */
  readonly given: ReadonlySet<string>;
  readonly debug: boolean;
  readonly helpAsked: boolean;
}

type Assignments = Map<string, unknown>;

/**
 * Parses a command's arguments.
 *
 * @param table the command's own options; `commonOptions` are added
 * @param args the arguments after the command's name
 * @param readFile reads the file of `--config`; replaced by tests
 * @throws UserError naming the option, the value and what was expected
 */
export function parseOptions<T extends OptionTable>(
  table: T,
  args: readonly string[],
  readFile: (path: string) => string = Deno.readTextFileSync,
): ParsedOptions<T> {
  const all: OptionTable = { ...table, ...commonOptions };
  const { assigned, helpAsked } = readArguments(all, args);
  const config = assigned.get("config");
  const fromFile = typeof config === "string" && !helpAsked ? readConfig(table, config, readFile) : new Map();
  const merged: Assignments = new Map([...fromFile, ...assigned]);

  const values: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(table)) {
    const value = merged.has(name) ? merged.get(name) : defaultValue(spec);
    const missing = value === null || (spec.type === "list" && Array.isArray(value) && value.length === 0);
    const required = spec.required || (spec.requiredUnless !== undefined && !merged.has(spec.requiredUnless));
    if (required && missing && !helpAsked) {
      throw new UserError("is required", { where: `--${name}`, expected: expectedValue(spec), hint: spec.help });
    }
    values[name] = value;
  }
  const given = new Set([...merged.keys()].filter((name) => name in table));
  // The one place where the table's types and the parsed values meet: parseValue has checked each by its entry.
  return { values: values as OptionValues<T>, given, debug: merged.get("debug") === true, helpAsked };
}

/** Whether a word of the command line is an option rather than a value: `-`, `-5` and `-x` are values. */
function looksLikeOption(word: string): boolean {
  return (word.startsWith("--") && word.length > 2) || word === "-h";
}

function readArguments(table: OptionTable, args: readonly string[]): { assigned: Assignments; helpAsked: boolean } {
  const assigned: Assignments = new Map();
  let helpAsked = false;
  let at = 0;
  while (at < args.length) {
    const word = args[at++];
    if (word === "--help" || word === "-h") {
      helpAsked = true;
      continue;
    }
    if (!looksLikeOption(word)) {
      throw new UserError(`unexpected argument "${word}"`, { hint: "options start with --; --help lists them" });
    }
    const equals = word.indexOf("=");
    const written = equals < 0 ? word : word.slice(0, equals);
    const { name, spec, negated } = findOption(table, written);
    const inline = equals < 0 ? null : word.slice(equals + 1);
    const words: string[] = inline === null ? [] : [inline];

    if (spec.type === "boolean") {
      if (negated && inline !== null) throw new UserError("takes no value", { where: written });
      const next = args[at];
      if (!negated && inline === null && (next === "true" || next === "false")) words.push(args[at++]);
      const value = words.length === 0 ? true : parseValue(written, spec, words[0]) === true;
      assigned.set(name, negated ? false : value);
      continue;
    }
    const wanted = spec.type === "list" && inline === null ? Infinity : 1;
    while (words.length < wanted && at < args.length && !looksLikeOption(args[at])) words.push(args[at++]);
    if (words.length === 0) {
      const hint = at < args.length ? `a value that starts with -- is written ${written}=VALUE` : undefined;
      throw new UserError("needs a value", { where: written, expected: expectedValue(spec), hint });
    }
    assignWords(assigned, name, spec, written, words);
  }
  return { assigned, helpAsked };
}

function assignWords(assigned: Assignments, name: string, spec: OptionSpec, written: string, words: string[]): void {
  if (spec.type !== "list") {
    assigned.set(name, parseValue(written, spec, words[0]));
    return;
  }
  const before = assigned.get(name);
  assigned.set(name, [...(Array.isArray(before) ? before : []), ...words]);
}

function findOption(table: OptionTable, written: string): { name: string; spec: OptionSpec; negated: boolean } {
  const name = written.replace(/^-+/, "").replaceAll("-", "_");
  if (Object.hasOwn(table, name)) return { name, spec: table[name], negated: false };
  const positive = name.startsWith("no_") ? name.slice(3) : "";
  if (Object.hasOwn(table, positive)) {
    if (table[positive].type === "boolean") return { name: positive, spec: table[positive], negated: true };
    throw new UserError("unknown option", { where: written, hint: `--${positive} is not a switch` });
  }
  throw unknownOption(table, written, name);
}

function unknownOption(table: OptionTable, where: string, name: string): UserError {
  const nearest = nearestName(name, [...Object.keys(table), "help"]);
  return new UserError("unknown option", { where, hint: nearest ? `did you mean --${nearest}?` : undefined });
}

function readConfig(table: OptionTable, path: string, readFile: (path: string) => string): Assignments {
  let config: unknown;
  try {
    config = JSON.parse(readFile(path));
  } catch (cause) {
    const why = cause instanceof SyntaxError
      ? `not JSON: ${cause.message}`
      : cause instanceof Deno.errors.NotFound
      ? "no such file"
      : `cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new UserError(why, { where: `--config ${path}`, cause });
  }
  if (typeof config !== "object" || config === null || Array.isArray(config)) {
    throw new UserError("not a JSON object", { where: `--config ${path}`, expected: '{"option": value, …}' });
  }
  const assigned: Assignments = new Map();
  for (const [written, value] of Object.entries(config)) {
    const name = written.replaceAll("-", "_");
    if (!Object.hasOwn(table, name)) throw unknownOption(table, `${path}: ${written}`, name);
    // Resolved options are written with null where nothing was given; read back, null means the default.
    if (value !== null) assigned.set(name, parseValue(`${path}: ${written}`, table[name], value));
  }
  return assigned;
}

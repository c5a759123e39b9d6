/**
 * The option tables of the command line: one declarative entry per option. Parsing, value checks, `--help` and the
 * README's option reference are all made from these tables, so an option cannot exist in one of them only.
 *
 * A table's keys are the options' names in underscore spelling (`max_seq_len`); on the command line dashes do as well.
 */

interface OptionBase {
  /** One sentence without a full stop, shown by `--help`. */
  readonly help: string;
  /** Heading under which `--help` lists the option. */
  readonly group?: string;
  /** What `--help` shows for the value, as in `--input PATH…`. */
  readonly placeholder?: string;
  /** The command cannot run without it. */
  readonly required?: true;
  /** The command cannot run without it, unless the named option is given. */
  readonly requiredUnless?: string;
}

export interface StringOption extends OptionBase {
  readonly type: "string";
  readonly default?: string | null;
}

/** One or more values; the option may also be repeated, which appends. */
export interface ListOption extends OptionBase {
  readonly type: "list";
  readonly default?: readonly string[];
}

export interface NumberOption extends OptionBase {
  readonly type: "number" | "integer";
  readonly default?: number | null;
  /** Smallest value allowed. */
  readonly min?: number;
  /** Largest value allowed. */
  readonly max?: number;
  /** Values must lie above this one. */
  readonly above?: number;
  /** Values must lie below this one. */
  readonly below?: number;
}

/** Several numbers in one value, separated by commas: `900,50,50`. */
export interface NumbersOption extends OptionBase {
  readonly type: "numbers";
  readonly default: readonly number[];
  readonly count: number;
  readonly min?: number;
}

export interface BooleanOption extends OptionBase {
  readonly type: "boolean";
  readonly default: boolean;
}

export interface EnumOption extends OptionBase {
  readonly type: "enum";
  readonly values: readonly string[];
  readonly default?: string | null;
}

export type OptionSpec = StringOption | ListOption | NumberOption | NumbersOption | BooleanOption | EnumOption;

/** Options by underscore name, in the order in which `--help` lists them. */
export type OptionTable = Readonly<Record<string, OptionSpec>>;

/** Null is a possible value where an option is neither required nor has a default. */
type OrNull<O> = O extends { required: true } ? never : O extends { default: infer D } ? Extract<D, null> : null;

/** The type of an option's value. */
export type OptionValue<O extends OptionSpec> = O extends { type: "list" } ? readonly string[]
  : O extends { type: "numbers" } ? readonly number[]
  : O extends { type: "boolean" } ? boolean
  : O extends { type: "number" | "integer" } ? number | OrNull<O>
  : O extends { type: "enum"; values: readonly (infer V)[] } ? V | OrNull<O>
  : string | OrNull<O>;

/** The values of all options of a table; a plain object that `JSON.stringify` writes and `--config` reads back. */
export type OptionValues<T extends OptionTable> = { readonly [K in keyof T]: OptionValue<T[K]> };

/** Checks a table's type and keeps its literal types, from which the types of the values follow. */
export function optionTable<const T extends OptionTable>(table: T): T {
  return table;
}

/** The value an option has when nobody gives one. */
export function defaultValue(spec: OptionSpec): unknown {
  return spec.default ?? (spec.type === "list" ? [] : null);
}

/** Options that every command has. */
export const commonOptions = optionTable({
  config: {
    type: "string",
    placeholder: "FILE",
    group: "Common",
    help: "JSON file with options by name; the command line wins over it",
  },
  debug: { type: "boolean", default: false, group: "Common", help: "Show stack traces with errors" },
});

/** Turns the text or JSON value of one option into its typed value; errors name option, value and what was expected. */

import { UserError } from "../errors.ts";
import type { NumberOption, NumbersOption, OptionSpec } from "./options.ts";

/** What an option's value must look like, for messages: "an integer from 1 to 8". */
export function expectedValue(spec: OptionSpec): string {
  switch (spec.type) {
    case "string":
      return "a text";
    case "list":
      return "one or more texts";
    case "boolean":
      return "true or false";
    case "enum":
      return `one of ${spec.values.join(", ")}`;
    case "numbers":
      return `${spec.count} numbers separated by commas${spec.min === undefined ? "" : `, each at least ${spec.min}`}`;
    case "integer":
    case "number":
      return (spec.type === "integer" ? "an integer" : "a number") + rangeText(spec);
  }
}

function rangeText(spec: NumberOption): string {
  if (spec.min !== undefined && spec.max !== undefined) return ` from ${spec.min} to ${spec.max}`;
  const parts: string[] = [];
  if (spec.above !== undefined) parts.push(`above ${spec.above}`);
  if (spec.min !== undefined) parts.push(`at least ${spec.min}`);
  if (spec.below !== undefined) parts.push(`below ${spec.below}`);
  if (spec.max !== undefined) parts.push(`at most ${spec.max}`);
  return parts.length === 0 ? "" : ` ${parts.join(" and ")}`;
}

/**
 * Parses one value of an option. A list option gives an array of one.
 *
 * @param where how the option was written, for messages: `--max_lr` or `run.json: max_lr`
 * @param value a string from the command line, or any JSON value from a configuration file
 * @throws UserError if the value is not what the option takes
 */
export function parseValue(where: string, spec: OptionSpec, value: unknown): unknown {
  const parsed = tryParse(spec, value);
  if (parsed === undefined) {
    const shown = typeof value === "string" ? `"${value}"` : JSON.stringify(value);
    throw new UserError(`${shown} is not a value of this option`, { where, expected: expectedValue(spec) });
  }
  return parsed;
}

function tryParse(spec: OptionSpec, value: unknown): unknown {
  switch (spec.type) {
    case "string":
      return typeof value === "string" ? value : undefined;
    case "list":
      if (typeof value === "string") return [value];
      return Array.isArray(value) && value.every((item) => typeof item === "string") ? value : undefined;
    case "boolean":
      if (typeof value === "boolean") return value;
      return value === "true" ? true : value === "false" ? false : undefined;
    case "enum":
      return typeof value === "string" && spec.values.includes(value) ? value : undefined;
    case "integer":
    case "number":
      return parseNumber(spec, value);
    case "numbers":
      return parseNumbers(spec, value);
  }
}

const decimal = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

function toNumber(value: unknown): number | undefined {
  if (typeof value === "string") return decimal.test(value) ? finite(Number(value)) : undefined;
  return typeof value === "number" ? finite(value) : undefined;
}

function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}

function parseNumber(spec: NumberOption, value: unknown): number | undefined {
  const number = toNumber(value);
  if (number === undefined) return undefined;
  if (spec.type === "integer" && !Number.isSafeInteger(number)) return undefined;
  if (number < (spec.min ?? -Infinity) || number > (spec.max ?? Infinity)) return undefined;
  if (number <= (spec.above ?? -Infinity) || number >= (spec.below ?? Infinity)) return undefined;
  return number;
}

function parseNumbers(spec: NumbersOption, value: unknown): number[] | undefined {
  const items: unknown[] = typeof value === "string" ? value.split(",").map((item) => item.trim()) : [value].flat();
  const numbers = items.map(toNumber).filter((number) => number !== undefined);
  const good = numbers.length === items.length && numbers.length === spec.count &&
    numbers.every((number) => number >= (spec.min ?? -Infinity));
  return good ? numbers : undefined;
}

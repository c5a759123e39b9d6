/** The help texts, made from the option tables; no line is wider than 96 columns. */

import type { Command } from "./command.ts";
import { commonOptions, type OptionSpec, type OptionTable } from "./options.ts";

export const helpWidth = 96;
const indent = 28;

/** `codekiln --help`. */
export function programHelp(commands: readonly Command[], version: string): string {
  const rows = commands.map((command) => row(command.name, command.summary));
  return [
    `codekiln ${version}: from a heap of source code to a GPT that writes code`,
    "",
    "Usage: codekiln COMMAND [OPTIONS]",
    "",
    "Commands:",
    ...rows,
    "",
    "codekiln COMMAND --help shows a command's options and examples; --version the version.",
    "",
  ].join("\n");
}

/** `codekiln COMMAND --help`. */
export function commandHelp(command: Command): string {
  const required = Object.entries(command.options).filter(([, spec]) => spec.required || spec.requiredUnless)
    .map(([name, spec]) => `${optionName(name, spec)} `);
  const lines = [
    ...wrap(command.description, helpWidth),
    "",
    ...wrap(`Usage: codekiln ${command.name} ${required.join("")}[OPTIONS]`, helpWidth),
  ];
  lines.push(...optionList(command.options), "", "Examples:");
  for (const example of command.examples) {
    lines.push(...wrap(`# ${example.what}`, helpWidth - 2).map((line) => `  ${line}`));
    lines.push(...wrapCommand(`codekiln ${example.command}`).map((line) => `  ${line}`));
  }
  return lines.join("\n") + "\n";
}

/** A table's options and those that every command has, under their headings: the lines of a help text. */
export function optionList(options: OptionTable): string[] {
  const table: OptionTable = { ...options, ...commonOptions };
  const lines: string[] = [];
  for (const group of optionGroups(table)) {
    lines.push("", `${group}:`);
    for (const [name, spec] of Object.entries(table)) {
      if ((spec.group ?? "Options") === group) lines.push(row(optionName(name, spec), optionHelp(spec)));
    }
  }
  return [...lines, row("--help", "Show this text")];
}

/** The options of a command as a Markdown list, for the README's reference. */
export function optionReference(command: Command): string {
  const rows = Object.entries(command.options).map(([name, spec]) =>
    `- \`${optionName(name, spec)}\`: ${optionHelp(spec)}`
  );
  return [`### \`codekiln ${command.name}\``, "", command.description, "", ...rows, ""].join("\n");
}

function optionGroups(table: OptionTable): Set<string> {
  return new Set(Object.values(table).map((spec) => spec.group ?? "Options"));
}

function optionName(name: string, spec: OptionSpec): string {
  if (spec.type === "boolean") return spec.default ? `--no-${name}` : `--${name}`;
  const kind = { string: "TEXT", list: "TEXT", enum: "NAME", integer: "N", number: "X", numbers: "" }[spec.type] ||
    Array(spec.type === "numbers" ? spec.count : 0).fill("N").join(",");
  return `--${name} ${spec.placeholder ?? kind}${spec.type === "list" ? "…" : ""}`;
}

function optionHelp(spec: OptionSpec): string {
  const choices = spec.type === "enum" ? `: ${spec.values.join(" | ")}` : "";
  const value = Array.isArray(spec.default) ? spec.default.join(",") : spec.default;
  const silent = spec.type === "boolean" || value === null || value === undefined || value === "";
  return `${spec.help}${choices}${silent ? "" : ` (default ${value})`}`;
}

/** A name and its text in two columns; a long name gets a line of its own. */
function row(name: string, text: string): string {
  const lines = wrap(text, helpWidth - indent);
  const head = `  ${name}`;
  const first = head.length < indent - 1 ? head.padEnd(indent) + (lines.shift() ?? "") : head;
  return [first, ...lines.map((line) => " ".repeat(indent) + line)].join("\n").trimEnd();
}

/** Breaks a text between words into lines of at most `width` columns. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split("\n")) {
    let line = "";
    for (const word of paragraph.split(" ")) {
      if (line !== "" && line.length + 1 + word.length > width) {
        lines.push(line);
        line = word;
      } else {
        line = line === "" ? word : `${line} ${word}`;
      }
    }
    lines.push(line);
  }
  return lines;
}

/** Breaks a long shell command between words, each broken line ending in a backslash. */
function wrapCommand(command: string): string[] {
  const lines = wrap(command, helpWidth - 8);
  return lines.map((line, i) => (i === 0 ? "" : "    ") + line + (i < lines.length - 1 ? " \\" : ""));
}

import assert from "node:assert/strict";
import { commands } from "../../src/cli/commands.ts";
import { commandHelp, helpWidth, optionReference, programHelp } from "../../src/cli/help.ts";

Deno.test("no line of any help text is wider than the help's width", () => {
  for (const text of [programHelp(commands, "1.2.3"), ...commands.map(commandHelp)]) {
    for (const line of text.split("\n")) assert.ok(line.length <= helpWidth, line);
  }
});

Deno.test("a command's help names each of its options and the common ones", () => {
  for (const command of commands) {
    const help = commandHelp(command);
    for (const [name, spec] of Object.entries(command.options)) {
      const written = spec.type === "boolean" && spec.default ? `--no-${name}` : `--${name}`;
      assert.ok(help.includes(`  ${written}`), `${command.name}: ${written}`);
    }
    assert.match(help, /--config FILE[^]*--debug[^]*--help/);
  }
});

Deno.test("the examples in the help texts are accepted by the commands' own parsers", () => {
  for (const command of commands) {
    assert.ok(command.examples.length > 0, command.name);
    for (const { command: line } of command.examples) {
      for (const part of line.split(" | ")) {
        const words = (part.replace(/ <.*$/, "").match(/'[^']*'|\S+/g) ?? []).map((word) => word.replaceAll("'", ""));
        const own = words[0] === "codekiln" ? words.slice(1) : words;
        const called = commands.find(({ name }) => own.join(" ").startsWith(name));
        if (!called || own.includes("--config")) continue;
        called.prepare(own.slice(called.name.split(" ").length));
      }
    }
  }
});

Deno.test("docs/options.md is the option reference that the tables give", async () => {
  const reference = commands.map(optionReference).join("\n");
  const text = await Deno.readTextFile(new URL("../../docs/options.md", import.meta.url));
  assert.ok(text.endsWith(reference), "run: deno run -A tasks/option_reference.ts");
});

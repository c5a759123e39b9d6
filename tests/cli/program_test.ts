/** The program as a process: exit codes, what goes to which stream, signals, a reader that goes away. */

import assert from "node:assert/strict";
import { defineCommand } from "../../src/cli/define_command.ts";
import { optionTable } from "../../src/cli/options.ts";
import { runCli } from "../../src/cli/run_cli.ts";
import { FormatError, UserError } from "../../src/errors.ts";

/** Resolves when the signal is aborted, also where that has happened before. */
async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
}

/** Commands for this test only: each behaves in one way. The tests run this file as a program. */
const commands = [
  defineCommand({
    name: "behave",
    summary: "behaves",
    description: "Behaves as asked.",
    examples: [],
    options: optionTable({ how: { type: "string", required: true, help: "the behaviour" } }),
    run: async ({ values }, context) => {
      if (values.how === "user") throw new UserError("a mistake", { hint: "do better" });
      if (values.how === "format") throw new FormatError("bad data", { where: "x.npy: byte 7" });
      if (values.how === "bug") throw new TypeError("not a function");
      if (values.how === "flood") { while (true) await context.write("y".repeat(1 << 16)); }
      if (values.how === "save") {
        await context.write("ready\n");
        await aborted(context.signal);
        await context.write("saved\n");
      }
      if (values.how === "throw") {
        await context.write("ready\n");
        await aborted(context.signal);
        context.signal.throwIfAborted();
      }
      if (values.how === "listen") {
        await context.write("ready\n");
        for await (const chunk of context.stdin) await context.write(chunk);
      }
      if (values.how === "hang") {
        await context.write("ready\n");
        await new Promise((resolve) => setTimeout(resolve, 60_000));
      }
    },
  }),
];

if (import.meta.main) Deno.exit(await runCli({ commands, version: "1.2.3" }, Deno.args));

const decoder = new TextDecoder();

function start(args: string[]) {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--no-check", new URL(import.meta.url).pathname, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await start(args).output();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

Deno.test("help and version go to stdout with exit code 0", async () => {
  const [bare, version, help] = await Promise.all([run(), run("--version"), run("behave", "--help")]);
  assert.match(bare.out, /Commands:\n {2}behave/);
  assert.equal(version.out, "codekiln 1.2.3\n");
  assert.match(help.out, /--how TEXT/);
  for (const { code, err } of [bare, version, help]) assert.deepEqual([code, err], [0, ""]);
});

Deno.test("the user's mistakes exit with 2, failures with 1, each in at most two lines on stderr", async () => {
  const [mistake, unknown, option, data, bug] = await Promise.all([
    run("behave", "--how", "user"),
    run("behavee"),
    run("behave", "--who", "user"),
    run("behave", "--how=format"),
    run("behave", "--how=bug"),
  ]);
  assert.deepEqual([mistake, unknown, option, data, bug].map(({ code }) => code), [2, 2, 2, 1, 1]);
  assert.equal(mistake.err, "error: a mistake\nHINT: do better\n");
  assert.equal(unknown.err, 'error: unknown command "behavee"\nHINT: did you mean "behave"?\n');
  assert.equal(data.err, "error: x.npy: byte 7: bad data\n");
  assert.match(bug.err, /^error: TypeError: not a function\nHINT: --debug.*\n$/);
  for (const { out } of [mistake, unknown, option, data, bug]) assert.equal(out, "");
});

Deno.test("--debug shows where an error came from", async () => {
  assert.match((await run("behave", "--how=bug", "--debug")).err, /program_test\.ts:\d+/);
});

async function untilReady(child: Deno.ChildProcess): Promise<ReadableStreamDefaultReader<Uint8Array>> {
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  assert.equal(decoder.decode(value), "ready\n");
  return reader;
}

for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  Deno.test(`${signal} lets the command save, then exits with ${code}`, async () => {
    await using child = start(["behave", "--how=save"]).spawn();
    const reader = await untilReady(child);
    child.kill(signal);
    assert.equal(decoder.decode((await reader.read()).value), "saved\n");
    await reader.cancel();
    await child.stderr.cancel();
    assert.equal((await child.status).code, code);
  });

  Deno.test(`a command that ends by throwing on ${signal} also exits with ${code}`, async () => {
    await using child = start(["behave", "--how=throw"]).spawn();
    const reader = await untilReady(child);
    child.kill(signal);
    await reader.cancel();
    assert.doesNotMatch(await new Response(child.stderr).text(), /error/);
    assert.equal((await child.status).code, code);
  });
}

Deno.test("a second signal ends a command that does not stop", async () => {
  await using child = start(["behave", "--how=hang"]).spawn();
  const reader = await untilReady(child);
  const errors = child.stderr.getReader();
  child.kill("SIGINT");
  assert.match(decoder.decode((await errors.read()).value), /once more/);
  child.kill("SIGINT");
  assert.equal((await child.status).code, 130);
  await reader.cancel();
  await errors.cancel();
});

Deno.test("a reader of stdout that goes away ends the program quietly", async () => {
  await using child = start(["behave", "--how=flood"]).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  await reader.cancel();
  assert.equal(await new Response(child.stderr).text(), "");
  assert.equal((await child.status).code, 0);
});

Deno.test("a stop ends a command that waits for input", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--no-check", new URL(import.meta.url).pathname, "behave", "--how", "listen"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  child.kill("SIGINT");
  const { code } = await child.status;
  await Promise.all([child.stdin.abort(), reader.cancel(), child.stderr.cancel()]);
  assert.equal(code, 130);
});

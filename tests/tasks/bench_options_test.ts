/** Benches know --help, and name what they cannot use in place of a stack trace. */

import assert from "node:assert/strict";
import { fromRoot } from "../../tasks/deno_command.ts";

/** Each bench with an option of its own, and arguments that it has to refuse with what it says of them. */
const benches: readonly [name: string, option: string, wrong: readonly string[], message: RegExp][] = [
  ["bench_tokenizer.ts", "--check_only", ["--check_onyl"], /--check_onyl: unknown option\nHINT: .*--check_only/],
  ["bench_bpe_train.ts", "--rounds", ["--input", "src", "--workers", "1,none"], /--workers: "1,none" \(expected/],
  ["bench_bpe_memory.ts", "--gigabytes", [], /--input: is required/],
  ["bench_matmul.ts", "--family", ["--shape", "1", "2"], /--shape: "1 2" \(expected three sizes/],
];

async function run(bench: string, args: readonly string[]) {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", fromRoot(`tasks/${bench}`), ...args],
    env: { NO_COLOR: "1" },
    stdin: "null",
  });
  const { code, stdout, stderr } = await command.output();
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

for (const [bench, option, wrong, message] of benches) {
  Deno.test(`${bench} shows its options, and says in a line what it cannot use`, async () => {
    const help = await run(bench, ["--help"]);
    assert.equal(help.code, 0, help.err);
    assert.match(help.out, new RegExp(`^  ${option}`, "m"));
    assert.match(help.out, /^Usage: deno \w/m);
    assert.equal(help.out.split("\n").find((line) => line.length > 96), undefined);

    const refused = await run(bench, wrong);
    assert.equal(refused.code, 2);
    assert.equal(refused.out, "");
    assert.match(refused.err, message);
    assert.ok(!refused.err.includes("    at "), refused.err);
  });
}

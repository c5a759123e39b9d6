import assert from "node:assert/strict";
import { generateCommand } from "../../src/cli/commands.ts";
import { checkGenerateOptions, type GenerateOptions, generateOptionTable } from "../../src/cli/generate_options.ts";
import { parseOptions } from "../../src/cli/parse_options.ts";
import { UserError } from "../../src/errors.ts";

function options(line: string): GenerateOptions {
  const words = `--model_name_or_path m ${line}`.split(/\s+/).filter((word) => word !== "");
  const { values, given } = parseOptions(generateOptionTable, words);
  return checkGenerateOptions(values, given);
}

const userError = (message: RegExp) => (error: unknown) => error instanceof UserError && message.test(error.message);

Deno.test("the generation command of the original example is accepted as written", () => {
  const parsed = options(`--model_type gpt2-en --decode_strategy sampling --top_k 10 --temperature 0.5
    --num_return_sequences 10 --max_dec_len 512 --device gpu`);
  assert.equal(parsed.decode_strategy, "sampling");
  assert.equal(parsed.num_return_sequences, 10);
});

Deno.test("sampling is what happens unless greedy search is asked for, where no option of sampling can act", () => {
  assert.equal(options("").decode_strategy, "sampling");
  assert.equal(options("--decode_strategy greedy_search").decode_strategy, "greedy_search");
  for (const line of ["--top_k 5", "--top_p 0.9", "--temperature 0.7", "--num_return_sequences 2"]) {
    assert.equal(options(line).decode_strategy, "sampling");
    assert.throws(
      () => options(`--decode_strategy greedy_search ${line}`),
      userError(/does not act with greedy_search/),
    );
  }
  options("--decode_strategy greedy_search --repetition_penalty 1.2");
});

Deno.test("beam search and its options are refused, and accepted where they ask for nothing", () => {
  assert.throws(() => options("--decode_strategy beam_search"), userError(/beam search is not there yet/));
  for (const line of ["--num_beams 4", "--length_penalty 0.6", "--early_stopping"]) {
    assert.throws(() => options(line), userError(/acts only with beam search/));
  }
  options("--num_beams 1 --early_stopping false --length_penalty 0");
});

Deno.test("options that contradict each other are refused by name", () => {
  assert.throws(() => options("--min_dec_len 20 --max_dec_len 10"), userError(/--min_dec_len: 20 is above/));
  assert.throws(() => options("--prompt a --prompt_file f"), userError(/cannot go together with --prompt/));
  assert.throws(() => options("--prompt a --prompt_format whole"), userError(/acts on --prompt_file and stdin/));
  assert.throws(() => options("--temperature 0"), userError(/a number above 0/));
  assert.throws(() => options("--device gpu --threads 2"), userError(/--threads 2: acts on the CPU device only/));
});

Deno.test("more new tokens than the model has positions cannot be asked for", async () => {
  const model = new URL("../golden/bytes", import.meta.url).pathname;
  const args = ["--model_name_or_path", model, "--min_dec_len", "5000", "--max_dec_len", "5000", "--prompt", "x"];
  const run = generateCommand.prepare(args).run({
    signal: new AbortController().signal,
    stdin: new Blob([]).stream(),
    write: () => Promise.resolve(),
    note() {},
  });
  await assert.rejects(run, { name: "UserError", message: /--min_dec_len: is 5000 \(expected fewer than/ });
});

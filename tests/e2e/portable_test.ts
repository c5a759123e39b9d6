/**
 * The single file, end to end: built, copied alone into an empty folder, and used there with an empty environment for
 * everything from source code to generated text.
 */

import assert from "node:assert/strict";
import { engineFlags } from "../../src/device/cpu/engine.ts";
import { loadTokenizer } from "../../src/tokenizer/load.ts";
import { buildPortable } from "../../tasks/compile_portable.ts";

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const decoder = new TextDecoder();

/** Runs the file with nothing in its environment but the place for its unpacked parts. */
async function runIn(folder: string, args: readonly string[], input = ""): Promise<Outcome> {
  const child = new Deno.Command("env", {
    args: ["-i", "XDG_CACHE_HOME=" + `${folder}/cache`, `${folder}/work/codekiln`, ...args],
    cwd: `${folder}/work`,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

async function succeed(folder: string, args: readonly string[], input?: string): Promise<string> {
  const { code, out, err } = await runIn(folder, args, input);
  assert.equal(code, 0, `${args.join(" ")}\n${err}`);
  return out;
}

/** A corpus of small functions, written by the test. */
async function writeCorpus(folder: string): Promise<void> {
  await Deno.mkdir(folder);
  const names = ["add", "scale", "shift", "merge", "count", "index", "total", "first"];
  for (const [i, name] of names.entries()) {
    const functions = names.map((other, j) =>
      `def ${name}_${other}(items, value=${i * j}):\n    result = []\n    for item in items:\n` +
      `        if item > value:\n            result.append(item + ${j})\n    return result\n`
    );
    await Deno.writeTextFile(`${folder}/${name}.py`, functions.join("\n\n").repeat(3));
  }
}

Deno.test("the portable file goes the whole way from source code to generated text", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "codekiln-portable-" });
  const checkpoint = "run/model_6";
  try {
    await Deno.mkdir(`${folder}/work`);
    await buildPortable(`${folder}/work/codekiln`);

    await t.step("its first start unpacks it, even when several start at once", async () => {
      const versions = await Promise.all([1, 2, 3].map(() => succeed(folder, ["--version"])));
      for (const version of versions) assert.match(version, /^codekiln \d+\.\d+\.\d+\n$/);
      const unpacked = [...Deno.readDirSync(`${folder}/cache/codekiln`)].map((entry) => entry.name);
      assert.equal(unpacked.length, 1, `only one unpacked folder, not ${unpacked}`);
      const inside = [...Deno.readDirSync(`${folder}/cache/codekiln/${unpacked[0]}`)].map((entry) => entry.name);
      assert.deepEqual(inside.filter((name) => name.startsWith("new.")), []);
    });

    await t.step("tokenizer train learns a vocabulary", async () => {
      await writeCorpus(`${folder}/work/code`);
      const args = ["tokenizer", "train", "--input", "code", "--vocab_size", "320", "--output", "tok", "--json"];
      assert.equal(JSON.parse(await succeed(folder, args)).vocab_size, 320);
    });

    await t.step("tokenizer encode and decode give text back", async () => {
      const ids = await succeed(folder, ["tokenizer", "encode", "--tokenizer", "gpt2"], "for item in items:\n");
      assert.equal(await succeed(folder, ["tokenizer", "decode", "--tokenizer", "gpt2"], ids), "for item in items:\n");
    });

    await t.step("a sentencepiece model gives the ids that it gives in the checkout, and the text back", async () => {
      const models = new URL("../tokenizer/spm/", import.meta.url).pathname;
      const text = "def add(items):\n    return [é, 🙂]  # two  spaces\n";
      for (const model of ["code_bpe.model", "code_unigram.model"]) {
        await Deno.copyFile(models + model, `${folder}/work/${model}`);
        const tokenizer = await loadTokenizer(models + model);
        const expected = [...tokenizer.encode(new TextEncoder().encode(text))];
        const ids = await succeed(folder, ["tokenizer", "encode", "--tokenizer", model], text);
        assert.deepEqual(ids.trim().split(" ").map(Number), expected);
        const decoded = await succeed(folder, ["tokenizer", "decode", "--tokenizer", model], ids);
        assert.equal(decoded, decoder.decode(tokenizer.decode(Uint32Array.from(expected))));
        if (model === "code_bpe.model") assert.equal(decoded, text);
      }
    });

    await t.step("data writes token files", async () => {
      const args = ["data", "--input", "code", "--tokenizer", "tok", "--output_prefix", "data/my", "--json"];
      const result = JSON.parse(await succeed(folder, args));
      assert.equal(result.documents, 8);
      assert.ok(result.tokens > 2000);
    });

    await t.step("data and tokenizer train give the same with threads as without", async () => {
      const text = await Deno.readTextFile(`${folder}/work/code/add.py`);
      const lines = Array.from({ length: 1500 }, (_, i) => JSON.stringify({ text: `# ${i}\n${text}` }));
      await Deno.writeTextFile(`${folder}/work/large.jsonl`, lines.join("\n"));
      const results: unknown[] = [];
      for (const workers of ["1", "3"]) {
        const common = ["--input", "large.jsonl", "--workers", workers, "--json"];
        const data = await succeed(folder, [
          "data",
          "--tokenizer",
          "tok",
          "--output_prefix",
          `out${workers}/x`,
          ...common,
        ]);
        const train = await succeed(folder, [
          "tokenizer",
          "train",
          "--vocab_size",
          "400",
          "--output",
          "other",
          ...common,
        ]);
        const ids = await Deno.readFile(`${folder}/work/out${workers}/x_ids.npy`);
        results.push([JSON.parse(data).tokens, JSON.parse(train).fingerprint, ids.toHex()]);
      }
      assert.deepEqual(results[0], results[1]);
    });

    await t.step("devices finds the processor", async () => {
      const { cpu, auto } = JSON.parse(await succeed(folder, ["devices", "--json"]));
      assert.ok(cpu.threads >= 1 && /SIMD/.test(cpu.simd));
      assert.equal(cpu.vector_bits, engineFlags().length > 0 ? 256 : 128);
      assert.match(auto.device, /^(cpu|gpu)$/);
    });

    await t.step("train on the CPU saves a checkpoint whose loss has fallen", async () => {
      const { code, err } = await runIn(folder, [
        ...["train", "--input_dir", "data", "--output_dir", "run", "--split", "80,20,0", "--max_steps", "6"],
        ...["--num_layers", "2", "--hidden_size", "32", "--num_heads", "2", "--max_seq_len", "32"],
        ...["--micro_batch_size", "4", "--max_lr", "0.01", "--min_lr", "0.001", "--warmup_rate", "0.2"],
        ...["--device", "cpu"],
      ]);
      assert.equal(code, 0, err);
      assert.match(err, /^device: .*, \d+ threads?, .*SIMD/m);
      const lines = (await Deno.readTextFile(`${folder}/work/run/metrics.jsonl`)).trim().split("\n");
      const losses = lines.map((line) => JSON.parse(line).loss).filter((loss) => typeof loss === "number");
      assert.equal(losses.length, 6);
      assert.ok(losses[5] < losses[0], `losses ${losses}`);
      for (const name of ["config.json", "model.safetensors", "tokenizer.json"]) {
        assert.ok((await Deno.stat(`${folder}/work/${checkpoint}/${name}`)).size > 0, name);
      }
    });

    await t.step("eval measures it, the same with one thread as with two", async () => {
      const args = ["eval", "--model_name_or_path", checkpoint, "--input_dir", "data", "--split", "80,20,0"];
      const evaluate = async (threads: string) =>
        JSON.parse(
          await succeed(folder, [
            ...args,
            "--micro_batch_size",
            "4",
            "--device",
            "cpu",
            "--threads",
            threads,
            "--json",
          ]),
        );
      const result = await evaluate("2");
      assert.ok(result.loss > 0 && result.loss < 7, `loss ${result.loss}`);
      assert.ok(result.tokens > 0 && result.bits_per_byte > 0);
      assert.deepEqual(await evaluate("1"), result);
    });

    await t.step("generate continues prompts from stdin", async () => {
      const args = ["generate", "--model_name_or_path", checkpoint, "--max_dec_len", "8", "--json"];
      const lines = (await succeed(folder, args, "def add(\nfor item\n")).trim().split("\n").map((l) => JSON.parse(l));
      assert.deepEqual(lines.map(({ prompt }) => prompt), ["def add(", "for item"]);
      for (const { token_ids } of lines) assert.ok(token_ids.length > 0 && token_ids.length <= 8);
    });

    await t.step("a mistake exits with 2, and the quickstart says that it needs a checkout", async () => {
      const unknown = await runIn(folder, ["trian"]);
      assert.equal(unknown.code, 2);
      assert.match(unknown.err, /did you mean "train"/);
      const quickstart = await runIn(folder, ["train"]);
      assert.equal(quickstart.code, 2);
      assert.match(quickstart.err, /--input_dir/);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

import assert from "node:assert/strict";
import fc from "fast-check";
import { type OptionTable, optionTable } from "../../src/cli/options.ts";
import { parseOptions } from "../../src/cli/parse_options.ts";
import { UserError } from "../../src/errors.ts";

const table = optionTable({
  max_seq_len: { type: "integer", default: 1024, min: 1, help: "length" },
  max_lr: { type: "number", default: 1e-4, min: 0, help: "rate" },
  shift: { type: "number", help: "any number" },
  use_amp: { type: "boolean", default: false, help: "switch" },
  append_eos: { type: "boolean", default: true, help: "switch" },
  input: { type: "list", help: "paths" },
  name: { type: "string", help: "text" },
  device: { type: "enum", values: ["auto", "gpu"], default: "auto", help: "where" },
  split: { type: "numbers", count: 3, min: 0, default: [900, 50, 50], help: "parts" },
});

const noFile = () => {
  throw new Deno.errors.NotFound("no file");
};
const parse = (args: string[], file: () => string = noFile) => parseOptions(table, args, file);
const userError = (message: RegExp) => (error: unknown) => error instanceof UserError && message.test(error.message);

Deno.test("dash and underscore spellings are the same option", () => {
  for (const args of [["--max-seq-len", "5"], ["--max_seq_len", "5"], ["--max-seq_len=5"], ["--max_seq_len=5"]]) {
    assert.equal(parse(args).values.max_seq_len, 5);
  }
});

Deno.test("a bare boolean is true, --no-x is false, and true and false may be written out", () => {
  assert.equal(parse(["--use_amp"]).values.use_amp, true);
  assert.equal(parse(["--use_amp", "false"]).values.use_amp, false);
  assert.equal(parse(["--use-amp=false"]).values.use_amp, false);
  for (const no of ["--no-append_eos", "--no-append-eos", "--no_append_eos"]) {
    assert.equal(parse([no]).values.append_eos, false);
  }
  assert.throws(() => parse(["--no-append_eos=true"]), userError(/--no-append_eos: takes no value/));
  assert.throws(() => parse(["--no-name"]), userError(/not a switch/));
});

Deno.test("numbers may be written with an exponent, a sign or a fraction only", () => {
  const cases = { "1e-4": 1e-4, "0.00015": 0.00015, "-3": -3, "+2": 2, ".5": 0.5, "-1.5E+3": -1500 };
  for (const [text, value] of Object.entries(cases)) {
    assert.equal(parse(["--shift", text]).values.shift, value);
    assert.equal(parse([`--shift=${text}`]).values.shift, value);
  }
  for (const text of ["", "abc", "1e", "0x10", "1_000", "Infinity", "NaN", "1e999", "1 "]) {
    assert.throws(() => parse([`--shift=${text}`]), userError(/--shift: ".*" is not a value .*expected a number/));
  }
});

Deno.test("a value out of range names the option, the value and the range", () => {
  assert.throws(() => parse(["--max-seq-len", "0"]), userError(/--max-seq-len: "0" .*expected an integer at least 1/));
  assert.throws(() => parse(["--max_seq_len", "1.5"]), userError(/"1.5" .*expected an integer/));
  assert.throws(() => parse(["--device", "tpu"]), userError(/"tpu" .*expected one of auto, gpu/));
  assert.throws(() => parse(["--split", "1,2"]), userError(/"1,2" .*expected 3 numbers/));
  assert.throws(() => parse(["--split=1,-2,3"]), userError(/each at least 0/));
});

Deno.test("a list option takes several values and may be repeated", () => {
  const { values } = parse(["--input", "a", "b", "-", "--use_amp", "--input=c", "--input", "d"]);
  assert.deepEqual(values.input, ["a", "b", "-", "c", "d"]);
});

Deno.test("an unknown option names the nearest known one", () => {
  assert.throws(
    () => parse(["--max_seq_length", "3"]),
    userError(/--max_seq_length: unknown option[^]*--max_seq_len\?/),
  );
  assert.throws(() => parse(["--ues-amp"]), userError(/did you mean --use_amp\?/));
  assert.throws(() => parse(["stray"]), userError(/unexpected argument "stray"/));
});

Deno.test("an option without its value is an error that says how to write values starting with dashes", () => {
  assert.throws(() => parse(["--name"]), userError(/--name: needs a value/));
  assert.throws(() => parse(["--name", "--use_amp"]), userError(/--name=VALUE/));
  assert.equal(parse(["--name=--use_amp"]).values.name, "--use_amp");
});

Deno.test("the command line wins over --config, which wins over the defaults", () => {
  const file = () => JSON.stringify({ "max-seq-len": 7, max_lr: "1e-3", input: ["x"], use_amp: true, name: null });
  const { values, given } = parse(["--max_seq_len", "9", "--config", "run.json"], file);
  assert.equal(values.max_seq_len, 9);
  assert.equal(values.max_lr, 1e-3);
  assert.equal(values.use_amp, true);
  assert.deepEqual(values.input, ["x"]);
  assert.equal(values.device, "auto");
  assert.deepEqual([...given].sort(), ["input", "max_lr", "max_seq_len", "use_amp"]);
});

Deno.test("mistakes in the configuration file name the file and the key", () => {
  const cases: [string, RegExp][] = [
    ['{"max_seq_length": 1}', /run.json: max_seq_length: unknown option[^]*--max_seq_len/],
    ['{"max_seq_len": "long"}', /run.json: max_seq_len: "long" is not a value/],
    ['{"input": [1]}', /run.json: input: \[1\] is not a value/],
    ['{"config": "more.json"}', /unknown option/],
    ["[1]", /not a JSON object/],
    ["{", /not JSON/],
  ];
  for (const [text, message] of cases) {
    assert.throws(() => parse(["--config", "run.json"], () => text), userError(message));
  }
  assert.throws(() => parse(["--config", "run.json"]), userError(/no such file/));
});

Deno.test("a missing required option is an error, but not while help is asked for", () => {
  const required = optionTable({ input: { type: "list", required: true, help: "what to read" } });
  assert.throws(() => parseOptions(required, []), userError(/--input: is required/));
  assert.equal(parseOptions(required, ["--help"]).helpAsked, true);
});

Deno.test("values of every kind survive being written as JSON and read back as configuration", () => {
  const arbitrary = fc.record({
    max_seq_len: fc.integer({ min: 1 }),
    max_lr: fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }).map((x) => x + 0),
    shift: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => x + 0)),
    use_amp: fc.boolean(),
    append_eos: fc.boolean(),
    input: fc.array(fc.string()),
    name: fc.option(fc.string()),
    device: fc.constantFrom("auto", "gpu"),
    split: fc.array(fc.nat(), { minLength: 3, maxLength: 3 }),
  });
  fc.assert(fc.property(arbitrary, (values) => {
    const parsed = parse(["--config", "x"], () => JSON.stringify(values));
    assert.deepEqual(JSON.parse(JSON.stringify(parsed.values)), JSON.parse(JSON.stringify(values)));
  }));
});

Deno.test("any words give values or a UserError, nothing else", () => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom("--", "-", "--=", "--no-", "--input", "--max_lr", "--no-use_amp", "="),
  );
  fc.assert(fc.property(fc.array(word), (words) => {
    try {
      const loose: OptionTable = table;
      parseOptions(loose, words, noFile);
    } catch (error) {
      assert.ok(error instanceof UserError, String(error));
    }
  }));
});

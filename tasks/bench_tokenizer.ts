/**
 * Compares the tokenizer's encoder with other tokenizers on real code: first that the ids are the same and decode to the text, then
 * the time, side by side in rounds. Rates are MB of text a second with a cold cache: every round starts with a new encoder.
 */
import { median } from "../src/bench/measure.ts";
import { optionTable, type OptionValues } from "../src/cli/options.ts";
import { UserError } from "../src/errors.ts";
import { runBench } from "./bench_options.ts";
import { checkIds, type IdCheck, LEARNED_FROM, passed } from "./bench_tokenizer_ids.ts";
import { type LongPiece, measureAll, measureLongPieces, type Measurement } from "./bench_tokenizer_rates.ts";
import { readTexts } from "./bench_tokenizer_texts.ts";

const options = optionTable({
  input: {
    type: "string",
    placeholder: "FILE.jsonl",
    help: "One JSON object a line, the text under text; else the quickstart's code",
  },
  mb: { type: "number", default: 100, above: 0, help: "Megabytes of text that are timed" },
  check_mb: { type: "number", default: 10, min: 0, help: "Megabytes whose ids are compared; 0 leaves out all checks" },
  check_only: { type: "boolean", default: false, help: "Compare the ids and leave out the timing" },
  rounds: { type: "integer", default: 3, min: 1, help: "Turns of each tokenizer" },
  json: { type: "boolean", default: false, help: "Print the results as JSON" },
});

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column].length)));
  const line = (cells: readonly string[]) =>
    cells.map((cell, column) => column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])).join("  ");
  return [line(head), ...rows.map(line)].join("\n");
}

/** How many times as fast: the median of the rounds' own ratios, so that a machine that changes its speed changes both. */
function ratio(measurements: readonly Measurement[], name: string, other: string): string {
  const rounds = (wanted: string) => measurements.find((one) => one.name === wanted)?.rounds ?? [NaN];
  const others = rounds(other);
  return median(rounds(name).map((rate, round) => rate / others[round])).toFixed(2);
}

function showCheck({ name, texts, bytes, different, undecoded }: IdCheck): string {
  const engines = Object.entries(different).map(([engine, count]) => `${count} in ${engine}`).join(", ");
  const size = `${texts} texts, ${(bytes / 1e6).toFixed(1)} MB`;
  return `${name} (${size}): other ids than npm:tokenizers: ${engines}; not decoded to the text: ${undecoded}`;
}

function showRates(measurements: readonly Measurement[], pieces: readonly LongPiece[]): string {
  const peers = measurements.map(({ name }) => name).filter((name) => name.startsWith("npm:"));
  return [
    table(
      ["encoder, GPT-2's vocabulary", "MB/s", "range", ...peers.map((name) => name.replace("npm:", "× "))],
      measurements.map(({ name, megabytesPerSecond, slowest, fastest }) => [
        name,
        megabytesPerSecond.toFixed(1),
        `${slowest.toFixed(1)}–${fastest.toFixed(1)}`,
        ...peers.map((peer) => ratio(measurements, name, peer)),
      ]),
    ),
    ...["WebAssembly", "TypeScript"].map((engine) =>
      `two workers ÷ one, ${engine}: ${ratio(measurements, `${engine}, 2 workers`, `${engine}, 1 worker`)}`
    ),
    "",
    table(
      ["one piece of 1 MB", "WebAssembly, ms", "TypeScript, ms"],
      pieces.map(({ name, wasmMs, scriptMs }) => [name, wasmMs.toFixed(0), scriptMs.toFixed(0)]),
    ),
  ].join("\n");
}

async function run(values: OptionValues<typeof options>): Promise<boolean> {
  const checkBytes = values.check_mb * 1e6;
  if (values.check_only && checkBytes === 0) {
    throw new UserError("leaves nothing to do", { where: "--check_only --check_mb 0" });
  }
  const wanted = values.check_only ? Math.max(checkBytes, LEARNED_FROM) : values.mb * 1e6;
  const texts = await readTexts(values.input ?? undefined, wanted);
  if (texts.length === 0) throw new UserError("holds no text", { where: `--input ${values.input}` });
  const bytes = texts.reduce((sum, { length }) => sum + length, 0);
  const tell = values.json ? console.error : console.log;
  tell(`${texts.length} documents, ${(bytes / 1e6).toFixed(1)} MB`);

  const checks = checkBytes > 0 ? await checkIds(texts, checkBytes, (check) => tell(showCheck(check))) : [];
  const same = checks.every(passed);
  tell(checks.length === 0 ? "the ids were not checked" : same ? "no difference" : "the ids are not the same");
  const measurements = values.check_only ? [] : await measureAll(texts, values.rounds, (line) => console.error(line));
  const pieces = values.check_only ? [] : measureLongPieces();
  if (values.json) {
    console.log(JSON.stringify({ documents: texts.length, bytes, checks, measurements, pieces }, null, 2));
  } else if (!values.check_only) {
    console.log(`\n${showRates(measurements, pieces)}`);
  }
  return same;
}

if (import.meta.main) {
  await runBench({
    command: "deno task bench:tokenizer",
    description:
      "Compares the encoder's ids with those of npm:tokenizers: on code, on every code point alone and among others, and on " +
      "40,000 hostile strings; with GPT-2's vocabulary and with one that is learned from the input, cut by each pattern. " +
      "Then times it beside other tokenizers. Ends with exit code 1 where any ids differ.",
    options,
    example: "--input corpus.jsonl --check_only",
    run,
  });
}

/**
 * Compares the tokenizer's encoder with other tokenizers on real code: first that the ids are the same, then the time, side by
 * side in rounds. Rates are MB of text a second with a cold cache: every round starts with a new encoder. `--check_mb 0` leaves
 * the ids unchecked, which takes longest.
 *
 * Usage: deno task bench:tokenizer [--input FILE.jsonl] [--mb 100] [--check_mb 10] [--rounds 3] [--json]
 */
import { parseArgs } from "node:util";
import { checkIds } from "./bench_tokenizer_ids.ts";
import { measureAll, measureLongPieces, type Measurement } from "./bench_tokenizer_rates.ts";
import { readTexts } from "./bench_tokenizer_texts.ts";

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column].length)));
  const line = (cells: readonly string[]) =>
    cells.map((cell, column) => column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])).join("  ");
  return [line(head), ...rows.map(line)].join("\n");
}

/** How many times as fast, between medians. */
function ratio(measurements: readonly Measurement[], name: string, other: string): string {
  const rate = (wanted: string) => measurements.find((one) => one.name === wanted)?.megabytesPerSecond ?? NaN;
  return (rate(name) / rate(other)).toFixed(2);
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      input: { type: "string" },
      mb: { type: "string", default: "100" },
      check_mb: { type: "string", default: "10" },
      rounds: { type: "string", default: "3" },
      json: { type: "boolean", default: false },
    },
  });
  const texts = await readTexts(values.input, Number(values.mb) * 1e6);
  const bytes = texts.reduce((sum, { length }) => sum + length, 0);
  console.error(`${texts.length} documents, ${(bytes / 1e6).toFixed(1)} MB`);

  const checkBytes = Number(values.check_mb) * 1e6;
  const checks = checkBytes > 0 ? await checkIds(texts, checkBytes, (line) => console.error(line)) : [];
  const measurements = await measureAll(texts, Number(values.rounds), (line) => console.error(line));
  const pieces = measureLongPieces();
  const wrong = checks.some((check) => check.different > 0);
  if (values.json) {
    console.log(JSON.stringify({ documents: texts.length, bytes, checks, measurements, pieces }, null, 2));
  } else {
    const peers = measurements.map(({ name }) => name).filter((name) => name.startsWith("npm:"));
    console.log(table(
      ["encoder, GPT-2's vocabulary", "MB/s", "range", ...peers.map((name) => name.replace("npm:", "× "))],
      measurements.map(({ name, megabytesPerSecond, slowest, fastest }) => [
        name,
        megabytesPerSecond.toFixed(1),
        `${slowest.toFixed(1)}–${fastest.toFixed(1)}`,
        ...peers.map((peer) => ratio(measurements, name, peer)),
      ]),
    ));
    for (const engine of ["WebAssembly", "TypeScript"]) {
      console.log(
        `two workers ÷ one, ${engine}: ${ratio(measurements, `${engine}, 2 workers`, `${engine}, 1 worker`)}`,
      );
    }
    console.log();
    console.log(table(
      ["one piece of 1 MB", "WebAssembly, ms", "TypeScript, ms"],
      pieces.map(({ name, wasmMs, scriptMs }) => [name, wasmMs.toFixed(0), scriptMs.toFixed(0)]),
    ));
    console.log();
    const checked = checks.map(({ name, texts, bytes, different }) => [
      ...[name, `${texts}`, (bytes / 1e6).toFixed(1), `${different}`],
    ]);
    console.log(
      checks.length > 0
        ? table(["ids against npm:tokenizers", "texts", "MB", "different"], checked)
        : "the ids were not checked",
    );
  }
  if (wrong) console.error("the ids are not the same");
  Deno.exit(wrong ? 1 : 0);
}

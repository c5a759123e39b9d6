import assert from "node:assert/strict";
import {
  formatBytes,
  formatCount,
  formatDuration,
  progressLine,
  type ProgressOutput,
  startProgress,
} from "../../src/cli/progress.ts";

Deno.test("counts, bytes and durations are short and rounded without odd steps", () => {
  assert.deepEqual([0, 7, 999, 1000, 1530, 999_499, 999_500, 2.5e9].map(formatCount), [
    "0",
    "7",
    "999",
    "1.00k",
    "1.53k",
    "999k",
    "1.00M",
    "2.50G",
  ]);
  assert.equal(formatBytes(1_530_000), "1.53 MB");
  assert.equal(formatBytes(12), "12 B");
  assert.deepEqual([0, 4200, 9_960, 59_400, 185_000, 7_620_000, 273_600_000].map(formatDuration), [
    "0.0s",
    "4.2s",
    "10s",
    "59s",
    "3m05s",
    "2h07m",
    "3d04h",
  ]);
});

Deno.test("a line shows share, amount, rate and time left, and 100% only at the end", () => {
  const base = { label: "reading", unit: "bytes", total: 1000, elapsedMs: 1000 };
  assert.equal(progressLine({ ...base, done: 250 }), "reading:  25%  250 B of 1.00 kB  250 B/s  3.0s left");
  assert.match(progressLine({ ...base, done: 999 }), / 99% /);
  assert.equal(progressLine({ ...base, done: 1000, extra: "ok" }), "reading: 100%  1.00 kB of 1.00 kB  1.00 kB/s  ok");
  assert.equal(
    progressLine({ ...base, unit: "tokens", total: null, done: 4000 }),
    "reading: 4.00k tokens  4.00k tokens/s",
  );
  assert.equal(progressLine({ ...base, done: 0, elapsedMs: 0 }), "reading:   0%  0 B of 1.00 kB");
});

function fakeOutput(
  more: Partial<ProgressOutput>,
): { output: ProgressOutput; text: () => string; at: (ms: number) => void } {
  let text = "";
  let now = 0;
  const output: ProgressOutput = {
    write: (piece) => {
      text += piece;
    },
    now: () => now,
    columns: () => 40,
    color: false,
    isTerminal: false,
    ...more,
  };
  return {
    output,
    text: () => text,
    at: (ms) => {
      now = ms;
    },
  };
}

Deno.test("without a terminal a line is printed every five seconds and at the end", () => {
  const { output, text, at } = fakeOutput({});
  using progress = startProgress({ label: "a", unit: "steps", total: 100 }, output);
  for (let second = 1; second <= 12; second++) {
    at(second * 1000);
    progress.update(second);
  }
  progress.finish();
  progress.finish();
  assert.equal(text().split("\n").length - 1, 3);
  assert.ok(!text().includes("\r") && !text().includes("\x1b"));
});

Deno.test("on a terminal one line is redrawn, cut to its width, and ended once", () => {
  const { output, text, at } = fakeOutput({ isTerminal: true });
  {
    using progress = startProgress({ label: "a", unit: "steps", total: 1e6 }, output);
    at(200);
    progress.update(500, { extra: "x".repeat(100) });
    progress.note("a word in between");
    progress.finish();
  }
  assert.equal(text().split("\n").length - 1, 2);
  for (const shown of text().replaceAll("\x1b[2K", "").split(/[\r\n]/)) assert.ok(shown.length < 40);
  assert.ok(!text().includes("\x1b[1m"), "no colour was asked for");
});

Deno.test("disposing after an error clears the line instead of claiming an end", () => {
  const { output, text, at } = fakeOutput({ isTerminal: true });
  {
    using progress = startProgress({ label: "a", unit: "steps", total: 10 }, output);
    at(200);
    progress.update(3);
  }
  assert.ok(text().endsWith("\r\x1b[2K"));
});

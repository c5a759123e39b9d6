/**
 * Progress on stderr: one line that is redrawn on a terminal, a plain line every few seconds elsewhere.
 *
 * `progressLine` is the pure part; the reporter only decides when to print it.
 */

/** A moment of a running job. */
export interface ProgressState {
  /** What is going on: "tokenizing". */
  readonly label: string;
  /** Units done so far. */
  readonly done: number;
  /** Units in all, or null where that is not known. */
  readonly total: number | null;
  /** "bytes" are shown as kB, MB, GB; any other unit is shown behind the number. */
  readonly unit: string;
  readonly elapsedMs: number;
  /** More for the end of the line: "loss 3.21". */
  readonly extra?: string;
}

const decimalUnits = ["", "k", "M", "G", "T"];

/** A number in three significant digits with a decimal prefix: 1530 → "1.53k". */
export function formatCount(value: number): string {
  let scaled = value;
  let step = 0;
  while (Math.abs(scaled) >= 999.5 && step < decimalUnits.length - 1) {
    scaled /= 1000;
    step++;
  }
  const text = step === 0 && Number.isInteger(scaled) ? String(scaled) : scaled.toPrecision(3);
  return text + decimalUnits[step];
}

/** A size in bytes, decimal: 1530000 → "1.53 MB". */
export function formatBytes(bytes: number): string {
  const text = formatCount(bytes);
  const prefix = text.replace(/^[-\d.]+/, "");
  return `${text.slice(0, text.length - prefix.length)} ${prefix}B`;
}

/** A time span: 4.2s, 3m05s, 2h07m, 3d04h. */
export function formatDuration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  const two = (value: number) => String(value).padStart(2, "0");
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${two(whole % 60)}s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)}h${two(Math.floor(whole / 60) % 60)}m`;
  return `${Math.floor(whole / 86400)}d${two(Math.floor(whole / 3600) % 24)}h`;
}

/** The line that shows a state: label, share, amount, rate, time left, extra. */
export function progressLine(state: ProgressState): string {
  const bytes = state.unit === "bytes";
  const amount = (value: number) => bytes ? formatBytes(value) : formatCount(value);
  const unit = bytes ? "" : ` ${state.unit}`;
  const parts: string[] = [];
  const { done, total, elapsedMs } = state;
  if (total !== null && total > 0) {
    // 100% is kept for the end, however close the rounding comes.
    const percent = done >= total ? 100 : Math.min(99, Math.floor((done / total) * 100));
    parts.push(`${String(percent).padStart(3)}%`, `${amount(done)} of ${amount(total)}${unit}`);
  } else {
    parts.push(`${amount(done)}${unit}`);
  }
  const perMs = elapsedMs > 0 ? done / elapsedMs : 0;
  if (perMs > 0) {
    parts.push(bytes ? `${formatBytes(perMs * 1000)}/s` : `${formatCount(perMs * 1000)} ${state.unit}/s`);
    if (total !== null && done < total) parts.push(`${formatDuration((total - done) / perMs)} left`);
  }
  if (state.extra) parts.push(state.extra);
  return `${state.label}: ${parts.join("  ")}`;
}

/** Where a reporter writes. */
export interface ProgressOutput {
  readonly write: (text: string) => void;
  readonly isTerminal: boolean;
  readonly columns: () => number;
  readonly color: boolean;
  /** Milliseconds from any fixed moment. */
  readonly now: () => number;
}

export interface ProgressOptions {
  label: string;
  unit: string;
  total?: number | null;
}

/** Reports one job's progress. Disposing it ends the redrawn line. */
export interface Progress extends Disposable {
  /** Says how much is done, of how much if that has become known. Cheap: prints only when it is time. */
  update(done: number, more?: { total?: number | null; extra?: string }): void;
  /** Prints a whole line between the progress lines. */
  note(line: string): void;
  /** Prints the last state and ends the line. */
  finish(): void;
}

const redrawMs = 100;
const plainLineMs = 5000;

/** Starts reporting a job; the clock for the rate starts now. */
export function startProgress(options: ProgressOptions, output: ProgressOutput): Progress {
  const started = output.now();
  let state: Omit<ProgressState, "elapsedMs"> = {
    label: options.label,
    unit: options.unit,
    done: 0,
    total: options.total ?? null,
  };
  let printedAt = started;
  let lineOpen = false;
  let finished = false;

  const print = () => {
    const line = progressLine({ ...state, elapsedMs: output.now() - started });
    printedAt = output.now();
    if (!output.isTerminal) return output.write(`${line}\n`);
    const clipped = line.slice(0, Math.max(10, output.columns() - 1));
    const label = `${state.label}:`;
    const shown = output.color && clipped.startsWith(label)
      ? `\x1b[1m${label}\x1b[0m${clipped.slice(label.length)}`
      : clipped;
    output.write(`\r\x1b[2K${shown}`);
    lineOpen = true;
  };
  const clear = () => {
    if (lineOpen) output.write("\r\x1b[2K");
    lineOpen = false;
  };
  const finish = () => {
    if (finished) return;
    finished = true;
    print();
    if (lineOpen) output.write("\n");
    lineOpen = false;
  };
  return {
    update(done, more) {
      state = { ...state, done, extra: more?.extra ?? state.extra, total: more?.total ?? state.total };
      const interval = output.isTerminal ? redrawMs : plainLineMs;
      if (!finished && output.now() - printedAt >= interval) print();
    },
    note(line) {
      clear();
      output.write(`${line}\n`);
    },
    finish,
    /** Without `finish`, as after an error, the line is only cleared. */
    [Symbol.dispose]: () => finished ? undefined : clear(),
  };
}

/** stderr as a progress output; honours NO_COLOR and TERM=dumb. */
export function stderrProgressOutput(): ProgressOutput {
  const encoder = new TextEncoder();
  const isTerminal = Deno.stderr.isTerminal() && Deno.env.get("TERM") !== "dumb";
  return {
    isTerminal,
    color: isTerminal && !Deno.env.get("NO_COLOR"),
    columns: () => {
      try {
        return Deno.consoleSize().columns;
      } catch {
        return 80;
      }
    },
    write: (text) => {
      try {
        Deno.stderr.writeSync(encoder.encode(text));
      } catch (error) {
        if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
      }
    },
    now: () => performance.now(),
  };
}

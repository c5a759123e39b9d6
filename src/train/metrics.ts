/**
 * metrics.jsonl: one JSON object a line, appended as a run goes. Steps carry `step, loss, grad_norm, lr, tokens,
 * tokens_per_second, step_ms, time`; evaluations `step, valid_loss, valid_bits_per_byte`.
 */
import { FormatError } from "../errors.ts";
import { partialName } from "../files.ts";

export interface StepMetrics {
  step: number;
  loss: number;
  grad_norm: number;
  lr: number;
  /** Tokens trained on since the beginning of the run. */
  tokens: number;
  tokens_per_second: number;
  step_ms: number;
  /** ISO 8601. */
  time: string;
}

export interface EvaluationMetrics {
  step: number;
  valid_loss: number;
  valid_bits_per_byte: number | null;
}

export interface MetricsFile extends Disposable {
  /** The last step with an evaluation when the file was opened; 0 for none. */
  readonly evaluatedStep: number;
  append(entry: StepMetrics | EvaluationMetrics): void;
}

/** Opens a metrics file for a run that goes on after `step`: later lines, of work that was lost, are taken out. 0: a new file. */
export function openMetrics(path: string, step: number): MetricsFile {
  const kept = step > 0 ? linesUpTo(path, step) : "";
  Deno.writeTextFileSync(partialName(path), kept);
  Deno.renameSync(partialName(path), path);
  const file = Deno.openSync(path, { append: true });
  const encoder = new TextEncoder();
  const evaluations = kept.split("\n").filter((line) => line.includes('"valid_loss"'));
  return {
    evaluatedStep: evaluations.length > 0 ? JSON.parse(evaluations[evaluations.length - 1]).step : 0,
    append(entry) {
      const bytes = encoder.encode(JSON.stringify(entry) + "\n");
      for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
    },
    [Symbol.dispose]: () => file.close(),
  };
}

function linesUpTo(path: string, step: number): string {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
  // A kill may have cut the last line short; anything else that does not parse is damage.
  const lines = text.split("\n").slice(0, -1);
  return lines.filter((line, i) => {
    try {
      return JSON.parse(line).step <= step;
    } catch (cause) {
      throw new FormatError("not a line of JSON", { where: `${path}:${i + 1}`, cause });
    }
  }).map((line) => line + "\n").join("");
}

/** The training loop: steps, logging, evaluation, checkpoints, a clean stop. What happens at each point is the caller's. */
import { CodekilnError } from "../errors.ts";
import type { EvaluationResult, SampleSource, StepResult, Trainer } from "./trainer.ts";

export interface LoopOptions {
  /** Optimizer steps done before this run; 0 for a new one. */
  startStep: number;
  maxSteps: number;
  /** Steps between logged losses; the last is always logged. */
  loggingFreq: number;
  /** Steps between evaluations; one also follows the last step. */
  evalFreq: number;
  /** Micro-batches in an evaluation. */
  evalIters: number;
  /** Steps between checkpoints; one is always saved at the end or on a stop. */
  saveSteps: number;
}

/** A logged step with its speed, measured over the steps since the last logged one. */
export interface LoggedStep extends StepResult {
  step: number;
  /** Tokens trained on since the beginning of the run, earlier sessions included. */
  tokens: number;
  tokensPerSecond: number;
  stepMs: number;
}

export interface LoopData {
  train: SampleSource;
  /** Null where the validation part is absent. */
  valid: SampleSource | null;
  /** Bytes of text that an id stands for; null without a tokenizer. */
  byteLength: ((id: number) => number) | null;
}

export interface LoopEvents {
  onStep(step: LoggedStep): void | Promise<void>;
  onEvaluation(step: number, result: EvaluationResult | null): void | Promise<void>;
  onSave(step: number): void | Promise<void>;
}

/** Steps that may be under way on the device before the loop waits for them. */
const MAX_STEPS_AHEAD = 8;

/**
 * Trains until `maxSteps`, or until `signal` aborts: then the step under way is finished and saved.
 * @returns the last step done
 * @throws {DeviceError} for what the device reports; {DivergenceError} where loss or gradient are no longer finite.
 */
export async function runTraining(
  trainer: Trainer,
  { train, valid, byteLength }: LoopData,
  options: LoopOptions,
  events: LoopEvents,
  signal: AbortSignal,
): Promise<number> {
  const { microBatchSize, accumulation, sequence } = trainer.options;
  const tokensPerStep = microBatchSize * accumulation * sequence;
  let step = options.startStep;
  let saved = step;
  let [mark, stepsSinceMark] = [performance.now(), 0];

  while (step < options.maxSteps && !signal.aborted) {
    step++;
    trainer.step(step, train);
    stepsSinceMark++;
    const last = step === options.maxSteps;
    if (step % options.loggingFreq === 0 || last || step % options.evalFreq === 0 || step % options.saveSteps === 0) {
      const result = await trainer.result();
      const elapsed = performance.now() - mark;
      if (step % options.loggingFreq === 0 || last) {
        await events.onStep({
          ...result,
          step,
          tokens: step * tokensPerStep,
          tokensPerSecond: stepsSinceMark * tokensPerStep / elapsed * 1000,
          stepMs: elapsed / stepsSinceMark,
        });
      }
      checkFinite(step, result);
      [mark, stepsSinceMark] = [performance.now(), 0];
    } else if (step % MAX_STEPS_AHEAD === 0) {
      await trainer.result();
    }
    if (step % options.evalFreq === 0 || last) {
      const result = valid ? await trainer.evaluate(valid, options.evalIters, byteLength) : null;
      await events.onEvaluation(step, result);
      mark = performance.now();
    }
    if (step % options.saveSteps === 0) {
      await events.onSave(step);
      saved = step;
      mark = performance.now();
    }
    // Lets signals and timers be heard between steps, even where nothing else is awaited.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  if (saved < step) {
    checkFinite(step, await trainer.result());
    await events.onSave(step);
  }
  return step;
}

/** An infinite gradient spoils the weights one step before the loss tells. */
function checkFinite(step: number, { loss, gradNorm }: StepResult): void {
  if (!Number.isFinite(loss)) throw new DivergenceError(step, `the loss is ${loss}`);
  if (!Number.isFinite(gradNorm)) throw new DivergenceError(step, `the norm of the gradient is ${gradNorm}`);
}

/** The loss or the gradient became NaN or infinite. */
export class DivergenceError extends CodekilnError {
  override name = "DivergenceError";
  constructor(step: number, what: string) {
    super(what, {
      where: `step ${step}`,
      expected: "a finite number",
      hint: "a lower --max_lr or a longer --warmup_rate usually helps; checkpoints before this step are kept",
    });
  }
}

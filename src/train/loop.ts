/** The training loop: steps, logging, evaluation, checkpoints, a clean stop. What happens at each point is the caller's. */
import { CodekilnError, DeviceError } from "../errors.ts";
import { type EvaluationResult, letOthersRun, type SampleSource, type StepResult, type Trainer } from "./trainer.ts";

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
  /** Evaluate before the first step: a stop came before the evaluation that was due after `startStep`. */
  evaluateFirst: boolean;
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

  const evaluate = async () => {
    let result: EvaluationResult | null = null;
    try {
      if (valid) result = await trainer.evaluate(valid, { batches: options.evalIters, byteLength, signal });
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    await events.onEvaluation(step, result);
    mark = performance.now();
  };
  const save = async () => {
    checkFinite(step, await trainer.result());
    await events.onSave(step);
    saved = step;
    mark = performance.now();
  };

  try {
    if (options.evaluateFirst) await evaluate();
    while (step < options.maxSteps && !signal.aborted) {
      trainer.step(step + 1, train);
      step++;
      stepsSinceMark++;
      const last = step === options.maxSteps;
      const logged = last || step % options.loggingFreq === 0;
      const evaluated = last || step % options.evalFreq === 0;
      if (logged || evaluated || step % options.saveSteps === 0) {
        const result = await trainer.result();
        const elapsed = performance.now() - mark;
        if (logged) {
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
      if (last || step % options.saveSteps === 0) await save();
      if (evaluated) await evaluate();
      await letOthersRun();
    }
    if (saved < step) await save();
  } catch (error) {
    // Whatever failed beside the training itself shall not cost the steps that are done.
    const spoiled = error instanceof DivergenceError || error instanceof DeviceError;
    if (saved < step && !spoiled) await save().catch(() => {});
    throw error;
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

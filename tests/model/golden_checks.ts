/** The checks against PyTorch, for any device: logits, loss, gradients, ten steps of AdamW, greedy continuations. */
import { type Device, readFloats, readIntegers } from "../../src/device/device.ts";
import { sortTokens } from "../../src/model/embedding_order.ts";
import { buildDecode, buildPrefill, createGenerationState } from "../../src/model/generation_programs.ts";
import {
  buildEvaluation,
  buildLogits,
  buildMicroStep,
  buildUpdate,
  createOptimizer,
  hyperOf,
  type MicroStep,
} from "../../src/model/training_programs.ts";
import { assertClose } from "../device/harness.ts";
import { type Golden, placeGolden } from "../golden/golden.ts";

function assertNear(got: number, want: number, tolerance: number, label: string): void {
  if (!(Math.abs(got - want) <= tolerance)) throw new Error(`${label}: ${got}, expected ${want} ± ${tolerance}`);
}

/** Logits within 1e-4 and losses within 1e-5. */
export async function checkLogits(golden: Golden, device: Device): Promise<void> {
  const model = placeGolden(golden, device);
  const { tokens, targets, batch, sequence } = golden;
  const logits = buildLogits(model, { batch, sequence });
  const evaluation = buildEvaluation(model, { batch, sequence });
  const [run, evaluate] = await device.compile([logits.program, evaluation.program]);
  device.write(logits.tokens, tokens);
  device.write(evaluation.tokens, tokens);
  device.write(evaluation.targets, targets);
  run.run();
  evaluate.run();
  const got = await readFloats(device, logits.logits);
  const want = expectedOf(golden, "logits");
  got.forEach((value, i) => assertNear(value, want[i], 1e-4, `logit ${i}`));
  const [loss] = await readFloats(device, evaluation.loss);
  assertNear(loss / (batch * sequence), expectedOf(golden, "loss")[0], 1e-5, "evaluated loss");
}

function expectedOf(golden: Golden, name: string): Float32Array {
  const values = golden.expected.get(name);
  if (!values) throw new Error(`no golden ${name}`);
  return values;
}

function writeBatch(device: Device, step: MicroStep, tokens: Uint32Array, targets: Uint32Array): void {
  const { order, starts } = sortTokens(tokens);
  device.write(step.tokens, tokens);
  device.write(step.targets, targets);
  device.write(step.order, order);
  device.write(step.starts, starts);
}

/**
 * Loss within 1e-5, every gradient within 1e-4 of its tensor's largest entry, then the losses and norms of ten AdamW steps
 * within 1e-3.
 * @param micro sequences in a micro-batch: the whole batch, or 1 to accumulate
 */
export async function checkTraining(golden: Golden, device: Device, micro: number): Promise<void> {
  const model = placeGolden(golden, device);
  const optimizer = createOptimizer(model.table);
  const { batch, sequence, tokens, targets, trace } = golden;
  const accumulation = batch / micro;
  const options = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, maxNorm: 1 };
  const micros = buildMicroStep(model, optimizer, { batch: micro, sequence }, accumulation);
  const update = buildUpdate(model, optimizer, options);
  const [microStep, updateStep] = await device.compile([micros.program, update.program]);

  for (let step = 0; step < trace.losses.length; step++) {
    device.write(micros.loss, Float32Array.of(0));
    for (let from = 0; from < batch; from += micro) {
      const range = [from * sequence, (from + micro) * sequence];
      writeBatch(device, micros, tokens.slice(...range), targets.slice(...range));
      microStep.run();
    }
    const [loss] = await readFloats(device, micros.loss);
    if (step === 0) {
      assertNear(loss, expectedOf(golden, "loss")[0], 1e-5, "loss");
      for (const { name } of model.table.parameters) {
        const got = await readFloats(device, optimizer.gradients.of(name));
        assertClose(got, expectedOf(golden, `grad.${name}`), 1e-4, `gradient of ${name}`);
      }
    }
    assertNear(loss, trace.losses[step], 1e-3, `loss of step ${step}`);
    device.write(update.hyper, hyperOf(step + 1, 1e-3, 0.1, options));
    updateStep.run();
    const [norm] = await readFloats(device, update.norm);
    assertNear(norm, trace.grad_norms[step], 1e-3, `gradient norm of step ${step}`);
  }
}

/** The greedy continuations, exactly, all prompts in one batch; prefilled in chunks of three tokens. */
export async function checkGreedy(golden: Golden, device: Device): Promise<void> {
  const model = placeGolden(golden, device);
  const { vocabSize, maxPositions } = golden.config;
  const prompts = golden.trace.greedy.map(({ prompt }) => golden.encode(prompt));
  const batch = prompts.length;
  const maxNew = golden.trace.greedy[0].ids.length;
  const state = createGenerationState(model, { batch, positions: maxPositions, maxNew });
  const chunk = 3;
  const prefill = buildPrefill(model, state, chunk);
  const [prefillRun, decodeRun] = await device.compile([prefill.program, buildDecode(model, state)]);
  device.write(state.settings, Float32Array.of(1, 1, 0, 1, 1, 0, maxNew, -1));
  device.write(state.sequence, Uint32Array.from(prompts, (_, i) => i));
  device.write(state.seen, new Uint32Array(batch * vocabSize));
  for (let from = 0; prompts.some(({ length }) => length - 1 > from); from += chunk) {
    const tokens = Uint32Array.from({ length: batch * chunk }, (_, i) => {
      const prompt = prompts[Math.floor(i / chunk)];
      const position = from + i % chunk;
      return position < prompt.length - 1 ? prompt[position] : 0;
    });
    device.write(prefill.tokens, tokens);
    device.write(prefill.start, new Uint32Array(batch).fill(from));
    prefillRun.run();
  }
  device.write(state.tokens, Uint32Array.from(prompts, (prompt) => prompt[prompt.length - 1]));
  device.write(state.position, Uint32Array.from(prompts, ({ length }) => length - 1));
  decodeRun.run(maxNew);
  const generated = await readIntegers(device, state.generated);
  golden.trace.greedy.forEach(({ prompt, ids }, i) => {
    const got = [...generated.subarray(i * maxNew, (i + 1) * maxNew)];
    if (got.join() !== ids.join()) throw new Error(`${JSON.stringify(prompt)} goes on as ${got}, expected ${ids}`);
  });
}

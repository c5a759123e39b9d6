/** A whole training step on an adapter with small limits gives what it gives on a roomy one, and the same bits every time. */
import { openWebGpuDevice, type WebGpuOptions } from "../../src/device/webgpu/device.ts";
import { sortTokens } from "../../src/model/embedding_order.ts";
import { initialValues } from "../../src/model/parameters.ts";
import {
  buildMicroStep,
  buildUpdate,
  createModel,
  createOptimizer,
  hyperOf,
} from "../../src/model/training_programs.ts";
import { threefry } from "../../src/program/random.ts";
import { assertEquals } from "./assertions.ts";
import { devices } from "./devices.ts";
import { assertClose } from "./harness.ts";

const ignore = devices.every(({ name, absent }) => name !== "webgpu" || absent);

const config = {
  vocabSize: 599,
  layers: 2,
  hiddenSize: 96,
  heads: 3,
  maxPositions: 400,
  layerNormEpsilon: 1e-5,
  initializerRange: 0.02,
  hiddenDropout: 0.1,
  attentionDropout: 0.1,
  eosId: 0,
};
const shape = { batch: 3, sequence: 40 };

/** Two steps of training: the parameters, the average of their gradients, the norm and the loss after them. */
async function train(options: WebGpuOptions) {
  const model = createModel(config);
  const optimizer = createOptimizer(model.table);
  const micro = buildMicroStep(model, optimizer, shape, 1);
  const constants = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, maxNorm: 1 };
  const update = buildUpdate(model, optimizer, constants);
  await using device = await openWebGpuDevice(options);
  for (const parameter of model.table.parameters) {
    device.write(model.weights.of(parameter.name), initialValues(config, parameter, 7));
  }
  const [step, apply] = await device.compile([micro.program, update.program]);
  const count = shape.batch * shape.sequence;
  for (let t = 1; t <= 2; t++) {
    const ids = (from: number) => Uint32Array.from({ length: count }, (_, i) => threefry(t, from, i, 0)[0] % 599);
    const { order, starts } = sortTokens(ids(1));
    device.write(micro.tokens, ids(1));
    device.write(micro.targets, ids(2));
    device.write(micro.order, order);
    device.write(micro.starts, starts);
    device.write(micro.seed, Uint32Array.of(5, t));
    device.write(micro.loss, Float32Array.of(0));
    device.write(update.hyper, hyperOf(t, 1e-4, 0.1, constants));
    step.run();
    apply.run();
  }
  const wanted = [model.weights.whole, optimizer.moment1.whole, update.norm, micro.loss];
  const [parameters, moment1, norm, loss] = await device.read(wanted);
  return { parameters, moment1, norm, loss };
}

Deno.test({
  name: "a training step cut up by small bindings and buffers agrees with one that is not",
  ignore,
  async fn() {
    const expected = await train({});
    // The embedding takes 230 kB, more than a binding here; the arenas go into several buffers.
    const small = await train({ maxBindingBytes: 160 * 1024, maxBufferBytes: 300 * 1024 });
    assertClose(small.loss, expected.loss, 1e-5, "loss");
    assertClose(small.norm, expected.norm, 1e-4, "norm");
    assertClose(small.moment1, expected.moment1, 1e-3, "moment1");
    // AdamW's first steps are as long for a gradient of rounding errors as for any other: 1e-4 each.
    assertClose(small.parameters, expected.parameters, 5e-4, "parameters");
  },
});

Deno.test({
  name: "two training runs give the same bits",
  ignore,
  async fn() {
    assertEquals(await train({}), await train({}));
  },
});

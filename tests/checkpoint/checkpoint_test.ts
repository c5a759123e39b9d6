/** Whole checkpoint directories: what loads, and what is refused with which message. */
import { loadWeights, saveCheckpoint } from "../../src/checkpoint/checkpoint.ts";
import { configToJson, readConfigJson } from "../../src/checkpoint/config_json.ts";
import { checkpointSteps, resolveCheckpoint } from "../../src/checkpoint/find.ts";
import { type TensorToWrite, writeSafetensors } from "../../src/checkpoint/safetensors.ts";
import { readFloats } from "../../src/device/device.ts";
import { createModel } from "../../src/model/training_programs.ts";
import { loadGolden, placeGolden } from "../golden/golden.ts";
import { openReferenceDevice } from "../reference/device.ts";
import { assert, assertFails } from "../assert.ts";

const golden = loadGolden("small");
const { parameters } = createModel(golden.config).table;

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function goldenTensors(rename: (name: string) => string = (name) => name): TensorToWrite[] {
  return parameters.map(({ name, shape }) => {
    const data = golden.weights.get(name);
    if (!data) throw new Error(name);
    return { name: rename(name), shape, dtype: "F32", data };
  });
}

/** Writes tensors as model.safetensors and loads them as the golden model. */
async function load(folder: string, tensors: TensorToWrite[]): Promise<Float32Array> {
  await writeSafetensors(`${folder}/model.safetensors`, tensors);
  await using device = openReferenceDevice();
  const model = createModel(golden.config);
  loadWeights(folder, device, model);
  return await readFloats(device, model.weights.of("h.1.mlp.c_proj.weight"));
}

Deno.test("a saved checkpoint loads with the same weights and leaves nothing beside it", () =>
  withFolder(async (folder) => {
    await using device = openReferenceDevice();
    const model = placeGolden(golden, device);
    for (let times = 0; times < 2; times++) {
      await saveCheckpoint(`${folder}/model_3`, { device, model, tokenizer: null, training: null });
    }
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["model_3"]);
    await using other = openReferenceDevice();
    const again = createModel(readConfigJson(`${folder}/model_3/config.json`));
    loadWeights(`${folder}/model_3`, other, again);
    for (const { name } of parameters) {
      assert.deepEqual(await readFloats(other, again.weights.of(name)), golden.weights.get(name), name);
    }
    assert.equal(resolveCheckpoint(folder), `${folder}/model_3`);
    assert.deepEqual(checkpointSteps(folder), [3]);
  }));

Deno.test("weights saved as transformer.*, with masks and a tied head beside them, load as well", () =>
  withFolder(async (folder) => {
    const mask: TensorToWrite = {
      name: "transformer.h.0.attn.bias",
      shape: [2],
      dtype: "F32",
      data: Float32Array.of(1, 0),
    };
    const head: TensorToWrite = { name: "lm_head.weight", shape: [1], dtype: "F32", data: Float32Array.of(1) };
    const weights = await load(folder, [...goldenTensors((name) => `transformer.${name}`), mask, head]);
    assert.deepEqual(weights, golden.weights.get("h.1.mlp.c_proj.weight"));
  }));

Deno.test("a missing tensor, an unknown one and a wrong shape are refused by name", () =>
  withFolder(async (folder) => {
    const tensors = goldenTensors();
    await assertFails(() => load(folder, tensors.slice(1)), "model.safetensors", "wte.weight is missing");
    const more: TensorToWrite = { name: "h.2.ln_1.weight", shape: [1], dtype: "F32", data: Float32Array.of(1) };
    await assertFails(() => load(folder, [...tensors, more]), '"h.2.ln_1.weight" does not belong');
    const wrong = tensors.map((tensor) => tensor.name === "wpe.weight" ? { ...tensor, shape: [48, 32] } : tensor);
    await assertFails(() => load(folder, wrong), "wpe.weight has the shape [48,32]", "[32,48], from config.json");
  }));

Deno.test("a truncated model.safetensors is refused", () =>
  withFolder(async (folder) => {
    await load(folder, goldenTensors());
    const path = `${folder}/model.safetensors`;
    const { size } = await Deno.stat(path);
    for (const length of [0, 7, 100, size - 1]) {
      await load(folder, goldenTensors());
      await Deno.truncate(path, length);
      await using device = openReferenceDevice();
      await assertFails(() => loadWeights(folder, device, createModel(golden.config)), path);
    }
  }));

Deno.test("config.json goes out and comes in unchanged, and other kinds of models are refused", () =>
  withFolder(async (folder) => {
    const path = `${folder}/config.json`;
    const write = (changes: Record<string, unknown>) =>
      Deno.writeTextFileSync(path, JSON.stringify({ ...JSON.parse(configToJson(golden.config)), ...changes }));
    write({});
    assert.deepEqual(readConfigJson(path), golden.config);
    const refused: [Record<string, unknown>, string][] = [
      [{ activation_function: "relu" }, "activation_function"],
      [{ tie_word_embeddings: false }, "tie_word_embeddings"],
      [{ n_head: 7 }, "num_heads 7"],
      [{ n_layer: -1 }, "n_layer"],
      [{ model_type: "llama" }, "model_type"],
      [{ eos_token_id: 5000 }, "5000"],
    ];
    for (const [changes, message] of refused) {
      write(changes);
      await assertFails(() => readConfigJson(path), message);
    }
    await assertFails(() => readConfigJson(`${folder}/none.json`), "none.json");
    await assertFails(() => resolveCheckpoint(`${folder}/none`), "no such folder");
    await Deno.remove(path);
    await assertFails(() => resolveCheckpoint(folder), "no checkpoint in it");
  }));

Deno.test("one parameter under two names is refused", () =>
  withFolder(async (folder) => {
    const [first, ...rest] = goldenTensors();
    const twice = [first, { ...first, name: `transformer.${first.name}` }, ...rest];
    await assertFails(() => load(folder, twice), "wte.weight and transformer.wte.weight are one parameter");
  }));

Deno.test("a config.json with sizes that no model has is refused, naming the file", () =>
  withFolder(async (folder) => {
    const path = `${folder}/config.json`;
    for (const hostile of [{ layers: 1e9 }, { vocabSize: 3e12 }, { eosId: golden.config.vocabSize }, { heads: 7 }]) {
      await Deno.writeTextFile(path, configToJson({ ...golden.config, ...hostile }));
      await assertFails(() => Promise.resolve().then(() => readConfigJson(path)), path);
    }
  }));

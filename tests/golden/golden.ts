/** Reads the golden models and their reference results (see README.md beside this file). */
import type { Device } from "../../src/device/device.ts";
import type { GptConfig } from "../../src/model/config.ts";
import { createModel, type ModelTensors } from "../../src/model/training_programs.ts";

export interface Golden {
  name: string;
  config: GptConfig;
  batch: number;
  sequence: number;
  weights: Map<string, Float32Array>;
  /** `logits`, `loss` and `grad.<parameter>`. */
  expected: Map<string, Float32Array>;
  tokens: Uint32Array;
  targets: Uint32Array;
  trace: { losses: number[]; grad_norms: number[]; greedy: { prompt: string; ids: number[] }[] };
  /** The ids of a prompt. */
  encode(prompt: string): number[];
}

const here = new URL(".", import.meta.url);

/** A safetensors file read without the project's own reader, which is tested elsewhere. */
function tensorsOf(path: string): Map<string, Float32Array> {
  const bytes = Deno.readFileSync(new URL(path, here));
  const headerLength = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + headerLength)));
  delete header.__metadata__;
  const entries = Object.entries(header as Record<string, { data_offsets: [number, number] }>);
  return new Map(entries.map(([name, { data_offsets: [from, to] }]) => [
    name,
    new Float32Array(bytes.slice(8 + headerLength + from, 8 + headerLength + to).buffer),
  ]));
}

/** Loads a golden model: `small` or `bytes`. */
export function loadGolden(name: "small" | "bytes"): Golden {
  const json = (file: string) => JSON.parse(Deno.readTextFileSync(new URL(`${name}/${file}`, here)));
  const raw = json("config.json");
  const config: GptConfig = {
    vocabSize: raw.vocab_size,
    maxPositions: raw.n_positions,
    layers: raw.n_layer,
    hiddenSize: raw.n_embd,
    heads: raw.n_head,
    layerNormEpsilon: raw.layer_norm_epsilon,
    initializerRange: raw.initializer_range,
    hiddenDropout: 0,
    attentionDropout: 0,
    eosId: raw.eos_token_id,
  };
  const [batch, sequence] = name === "small" ? [2, 20] : [3, 33];
  const npy = Deno.readFileSync(new URL(`${name}/data/golden_ids.npy`, here));
  const ids = new Uint16Array(npy.slice(npy.length - 2 * (batch * sequence + 1)).buffer);
  const alphabet = name === "bytes" ? json("tokenizer.json").model.vocab as Record<string, number> : {};
  return {
    name,
    config,
    batch,
    sequence,
    weights: tensorsOf(`${name}/model.safetensors`),
    expected: tensorsOf(`${name}/golden.safetensors`),
    tokens: Uint32Array.from(ids.subarray(0, batch * sequence)),
    targets: Uint32Array.from(ids.subarray(1)),
    trace: json("trace.json"),
    encode: (prompt) =>
      name === "small"
        ? [...new TextEncoder().encode(prompt)].map((byte) => byte % 131)
        : [...prompt].map((char) => alphabet[char === " " ? "Ġ" : char === "\n" ? "Ċ" : char]),
  };
}

/** Names the golden model's tensors and writes its weights to a device. */
export function placeGolden(golden: Golden, device: Device): ModelTensors {
  const model = createModel(golden.config);
  for (const { name } of model.table.parameters) {
    const values = golden.weights.get(name);
    if (!values) throw new Error(`the golden model has no ${name}`);
    device.write(model.weights.of(name), values);
  }
  return model;
}

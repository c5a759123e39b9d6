import assert from "node:assert/strict";
import { fillOperands, tokenIds, withOwnOperands } from "../../src/bench/operands.ts";
import { stepPrograms } from "../../src/bench/training_step.ts";
import { readFloats, readIntegers } from "../../src/device/device.ts";
import { DEFAULT_CONFIG } from "../../src/model/presets.ts";
import { type Op, operands } from "../../src/program/op.ts";
import { checkOp } from "../../src/program/shapes.ts";
import { elementCount, persistent } from "../../src/program/tensor.ts";
import { openReferenceDevice } from "../reference/device.ts";

const config = { ...DEFAULT_CONFIG, layers: 1, hiddenSize: 16, heads: 2, vocabSize: 50, maxPositions: 8, eosId: 49 };
const shape = { config: { ...config, hiddenDropout: 0.5, attentionDropout: 0.5 }, batch: 2, sequence: 8 };

Deno.test("an op gets operands of the same shapes that share nothing with the model's", () => {
  for (const op of stepPrograms(shape).programs.flatMap(({ ops }) => ops)) {
    const own = withOwnOperands(op);
    checkOp(own);
    const before = operands(op);
    const after = operands(own);
    assert.deepEqual(after.map(([name, { shape }]) => [name, shape]), before.map(([name, { shape }]) => [name, shape]));
    const storages = new Set(before.map(([, { storage }]) => storage));
    for (const [name, { storage, offset }] of after) {
      assert.ok(!storages.has(storage) && offset === 0 && storage.lifetime === "persistent", `${op.kind}.${name}`);
    }
  }
});

Deno.test("operands hold numbers of ordinary size, also after many runs", async () => {
  for (const op of stepPrograms(shape).programs.flatMap(({ ops }) => ops)) {
    await using device = openReferenceDevice();
    const own = withOwnOperands(op);
    fillOperands(device, own);
    const [executable] = await device.compile([{ name: op.kind, ops: [own] }]);
    executable.run(30);
    for (const [name, tensor] of operands(own)) {
      if (tensor.dtype !== "f32") continue;
      const odd = (await readFloats(device, tensor)).find((x) =>
        x !== 0 && !(Math.abs(x) > 1e-20 && Math.abs(x) < 1e20)
      );
      assert.equal(odd, undefined, `${op.kind}.${name}`);
    }
  }
});

Deno.test("token ids are below the vocabulary and differ from each other", async () => {
  const ids = tokenIds(100, 4096);
  assert.ok(ids.every((id) => id < 4096) && new Set(ids).size > 90);
  const tokens = persistent("tokens", [2, 4], "u32");
  const op: Op = {
    ...{ kind: "embeddingBackward", tokens, order: persistent("order", [8], "u32"), dout: persistent("dout", [8, 4]) },
    ...{ starts: persistent("starts", [9], "u32"), dwte: persistent("dwte", [5, 4]), dwpe: persistent("dwpe", [4, 4]) },
  };
  await using device = openReferenceDevice();
  fillOperands(device, op);
  const rows = [...await readIntegers(device, op.order)].sort();
  assert.deepEqual(rows, Array.from({ length: elementCount(tokens.shape) }, (_, i) => i));
});

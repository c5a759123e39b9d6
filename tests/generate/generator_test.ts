/** The generation engine on every device. */
import { createGenerator, fitPrompt, type GenerationRequest } from "../../src/generate/generator.ts";
import type { SamplingSettings } from "../../src/generate/settings.ts";
import type { Device } from "../../src/device/device.ts";
import { devicesAndReference } from "../device/devices.ts";
import { loadGolden, placeGolden } from "../golden/golden.ts";
import { assert, assertFails } from "../assert.ts";

const golden = loadGolden("bytes");
const greedy: SamplingSettings = {
  greedy: true,
  temperature: 1,
  topK: 0,
  topP: 1,
  repetitionPenalty: 1,
  minNew: 0,
  maxNew: 16,
  eosId: null,
  seed: 1,
};
const sampling = { ...greedy, greedy: false, temperature: 1.5, maxNew: 20 };

interface Text {
  ids: number[];
  reason: string;
  score: number;
}

async function continueAll(
  device: Device,
  requests: GenerationRequest[],
  settings: SamplingSettings,
  batch = requests.length,
): Promise<Text[]> {
  using generator = await createGenerator(device, placeGolden(golden, device), { batch, maxNew: settings.maxNew });
  const texts: Text[] = requests.map(() => ({ ids: [], reason: "", score: NaN }));
  for await (const { index, tokens, end } of generator.run(requests, settings)) {
    texts[index].ids.push(...tokens);
    if (end) Object.assign(texts[index], end);
  }
  return texts;
}

function requestsOf(prompts: string[]): GenerationRequest[] {
  return prompts.map((prompt, sequence) => ({ prompt: golden.encode(prompt), sequence }));
}

for (const { name, absent, open } of devicesAndReference) {
  const test = (what: string, fn: (device: Device) => Promise<void>) =>
    Deno.test({
      name: `${what} on ${name}`,
      ignore: absent,
      async fn() {
        await using device = await open();
        await fn(device);
      },
    });

  test("greedy texts are PyTorch's, prompts of different lengths in one batch with room to spare", async (device) => {
    const texts = await continueAll(device, requestsOf(golden.trace.greedy.map(({ prompt }) => prompt)), greedy, 5);
    assert.deepEqual(texts.map(({ ids }) => ids), golden.trace.greedy.map(({ ids }) => ids));
    assert.ok(texts.every(({ reason, score }) => reason === "length" && score < 0 && score > -20));
  });

  test("a text ends at end-of-text, which is not part of it", async (device) => {
    const [, , , fourth] = golden.trace.greedy[0].ids;
    const [text] = await continueAll(device, requestsOf([golden.trace.greedy[0].prompt]), { ...greedy, eosId: fourth });
    assert.deepEqual([text.ids, text.reason], [golden.trace.greedy[0].ids.slice(0, 3), "eos"]);
    const longer = { ...greedy, eosId: fourth, minNew: 6 };
    const [kept] = await continueAll(device, requestsOf([golden.trace.greedy[0].prompt]), longer);
    assert.ok(kept.ids.length >= 6 && !kept.ids.slice(0, 6).includes(fourth), `${kept.ids}`);
  });

  test("a sampled text depends on seed and sequence, not on its batch", async (device) => {
    const requests = requestsOf(["def f(x):", "import os\n", "def f(x):"]);
    const together = await continueAll(device, requests, sampling);
    for (const [i, request] of requests.entries()) {
      assert.deepEqual(await continueAll(device, [request], sampling), [together[i]]);
    }
    assert.notDeepEqual(together[0].ids, together[2].ids);
    const [other] = await continueAll(device, requests.slice(0, 1), { ...sampling, seed: 2 });
    assert.notDeepEqual(other.ids, together[0].ids);
  });

  test("a text ends where the model has no positions left", async (device) => {
    const prompt = Uint32Array.from({ length: 60 }, (_, i) => i);
    const [text] = await continueAll(device, [{ prompt, sequence: 0 }], greedy);
    // Positions 59 to 63 are fed, and each brings a token.
    assert.deepEqual([text.ids.length, text.reason], [5, "length"]);
  });

  test("a high repetition penalty keeps tokens from coming again", async (device) => {
    const [text] = await continueAll(device, requestsOf(["def f(x):"]), { ...greedy, repetitionPenalty: 1e6 });
    assert.equal(new Set(text.ids).size, text.ids.length);
  });

  test("prompts that cannot be are refused", async (device) => {
    const refused = (prompt: number[], ...parts: string[]) =>
      assertFails(() => continueAll(device, [{ prompt, sequence: 0 }], greedy), ...parts);
    await refused([], "empty prompt");
    await refused([300], "300", "257");
    await refused(Array(64).fill(1), "64 tokens", "64 positions");
    const impossible = { ...greedy, temperature: 0 };
    await assertFails(() => continueAll(device, requestsOf(["x"]), impossible), "--temperature");
  });
}

Deno.test("fitPrompt() keeps the end of a long prompt and leaves short ones alone", () => {
  const prompt = Uint32Array.from({ length: 100 }, (_, i) => i);
  assert.deepEqual(fitPrompt(prompt, 200, 50), prompt);
  assert.deepEqual([...fitPrompt(prompt, 64, 44)], Array.from({ length: 32 }, (_, i) => 68 + i));
  assert.equal(fitPrompt(prompt, 64, 10).length, 54);
});

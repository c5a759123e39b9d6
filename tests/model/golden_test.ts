/** Both golden models on every device, against what PyTorch computed. */
import { devicesAndReference } from "../device/devices.ts";
import { loadGolden } from "../golden/golden.ts";
import { checkGreedy, checkLogits, checkTraining } from "./golden_checks.ts";

for (const { name, absent, open } of devicesAndReference) {
  for (const model of ["small", "bytes"] as const) {
    const golden = loadGolden(model);
    const test = (what: string, check: (device: Awaited<ReturnType<typeof open>>) => Promise<void>) =>
      Deno.test({
        name: `golden model ${model} on ${name}: ${what}`,
        ignore: absent,
        async fn() {
          await using device = await open();
          await check(device);
        },
      });
    test("logits and loss are PyTorch's", (device) => checkLogits(golden, device));
    test("gradients and ten AdamW steps are PyTorch's, whole batch", (device) =>
      checkTraining(golden, device, golden.batch));
    test("gradients and ten AdamW steps are PyTorch's, accumulated one by one", (device) =>
      checkTraining(golden, device, 1));
    test("greedy continuations are PyTorch's", (device) => checkGreedy(golden, device));
  }
}

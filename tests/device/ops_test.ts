/** Every op on every device against the reference device, over odd shapes. */
import type { OpKind } from "../../src/program/op.ts";
import { devices } from "./devices.ts";
import { compareWithReference } from "./harness.ts";
import { cases } from "./op_cases.ts";

const byKind = Map.groupBy(cases, ({ op }) => op.kind);

const EVERY_KIND = {
  embedding: 1,
  embeddingBackward: 1,
  layerNorm: 1,
  layerNormBackward: 1,
  matmul: 1,
  columnSum: 1,
  gelu: 1,
  geluBackward: 1,
  dropout: 1,
  attention: 1,
  attentionBackward: 1,
  crossEntropy: 1,
  sum: 1,
  globalNorm: 1,
  adamW: 1,
  cacheAppend: 1,
  cachedAttention: 1,
  sample: 1,
} satisfies Record<OpKind, 1>;

for (const { name, absent, open } of devices) {
  for (const kind of Object.keys(EVERY_KIND) as OpKind[]) {
    Deno.test({
      name: `${kind} on ${name} agrees with plain loops`,
      ignore: absent,
      async fn() {
        const list = byKind.get(kind);
        if (!list) throw new Error(`no case for ${kind}`);
        await using device = await open();
        for (const { label, op, ...tolerance } of list) {
          try {
            await compareWithReference(device, op, tolerance);
          } catch (error) {
            throw new Error(`${label}: ${error instanceof Error ? error.message : error}`, { cause: error });
          }
        }
      },
    });
  }
}

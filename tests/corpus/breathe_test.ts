/** Breathing: what is due comes in with each breath, and an abort ends the work. */
import { ok, strictEqual } from "node:assert/strict";
import { createBreather } from "../../src/corpus/breathe.ts";
import { failure } from "./support.ts";

/** Works until a breath is due. */
function nextBreath(breathe: () => Promise<void> | undefined): Promise<void> {
  for (;;) {
    const breath = breathe();
    if (breath) return breath;
  }
}

Deno.test("each breath lets in what is due", async () => {
  const breathe = createBreather(undefined, 1);
  for (let i = 0; i < 200; i++) {
    let called = false;
    setTimeout(() => called = true, 0);
    await nextBreath(breathe);
    ok(called, `not with breath ${i}`);
  }
});

Deno.test("a breath throws the reason of an abort, and is due only after work", async () => {
  strictEqual(createBreather(AbortSignal.abort(), 1e9)(), undefined);
  const controller = new AbortController();
  const breathe = createBreather(controller.signal, 1);
  setTimeout(() => controller.abort(new Error("enough")), 0);
  strictEqual((await failure(nextBreath(breathe))).message, "enough");
});

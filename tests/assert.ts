/** The few assertions that the tests need, over node:assert. */
import assert from "node:assert/strict";
import { CodekilnError } from "../src/errors.ts";

export { assert };

/** Asserts that `action` fails with a codekiln error whose message holds every part. */
export async function assertFails(action: () => unknown, ...parts: string[]): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof CodekilnError)) throw error;
    for (const part of parts) {
      assert.ok(error.message.includes(part), `${JSON.stringify(part)} is not in: ${error.message}`);
    }
    return;
  }
  throw new Error(`nothing failed (expected an error about ${parts.join(", ")})`);
}

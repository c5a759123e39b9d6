/** Assertions of the device tests. */
import { equal } from "node:assert/strict";
import { deepStrictEqual } from "node:assert";

/** Deep equality, types of arrays included. */
export function assertEquals<T>(actual: T, expected: T): void {
  deepStrictEqual(actual, expected);
}

type ErrorClass = abstract new (...args: never[]) => Error;

function check(error: unknown, type: ErrorClass, part: string): void {
  if (!(error instanceof type)) throw error;
  equal(error.message.includes(part), true, `"${error.message}" does not say "${part}"`);
}

/** Asserts that a call throws an error of a class whose message contains `part`. */
export function assertThrows(call: () => unknown, type: ErrorClass, part: string): void {
  try {
    call();
  } catch (error) {
    return check(error, type, part);
  }
  throw new Error(`nothing was thrown; expected an error with "${part}"`);
}

/** The same for a promise. */
export async function assertRejects(call: () => Promise<unknown>, type: ErrorClass, part: string): Promise<void> {
  try {
    await call();
  } catch (error) {
    return check(error, type, part);
  }
  throw new Error(`nothing was thrown; expected an error with "${part}"`);
}

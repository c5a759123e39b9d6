/**
 * WebGPU reports errors beside the calls that caused them: to error scopes, to an event, or through `device.lost`. This file
 * collects them, so that the next call that can throw does.
 */
import { DeviceError } from "../../errors.ts";

export interface Faults {
  /** @throws {DeviceError} where any work handed over so far has failed, or the device is lost or closed. */
  check(): void;
  /** Runs synchronous WebGPU calls; what they report is kept for `check`, at the latest after the next turn of microtasks. */
  watch<T>(what: string, calls: () => T): T;
  /** Runs synchronous WebGPU calls and throws what they report. */
  guard<T>(what: string, calls: () => T): Promise<T>;
  /** Says that the device is closed on purpose. */
  close(): void;
}

const FILTERS: readonly GPUErrorFilter[] = ["validation", "out-of-memory", "internal"];

function describeError(what: string, error: GPUError): DeviceError {
  if (error instanceof GPUOutOfMemoryError) {
    return new DeviceError(`the device ran out of memory: ${error.message}`, {
      where: what,
      hint: "use a smaller micro batch, a shorter sequence or a smaller model",
    });
  }
  const kind = error instanceof GPUValidationError ? "validation" : "internal";
  return new DeviceError(`WebGPU reports a ${kind} error: ${error.message.trim()}`, { where: what });
}

/** Listens to a device from its first moment on. */
export function collectFaults(device: GPUDevice): Faults {
  let fault: DeviceError | undefined;
  let closed = false;
  device.addEventListener("uncapturederror", (event) => {
    event.preventDefault();
    fault ??= describeError("work outside of any check", (event as GPUUncapturedErrorEvent).error);
  });
  device.lost.then((info) => {
    if (closed) return;
    fault ??= new DeviceError(`the device was lost: ${info.message || info.reason || "no reason given"}`, {
      hint:
        "the driver may have been reset or updated, or a single step took too long; resume from the last checkpoint",
    });
  });

  const scoped = <T>(calls: () => T): [() => T, Promise<(GPUError | null)[]>] => {
    for (const filter of FILTERS) device.pushErrorScope(filter);
    let outcome: () => T;
    try {
      const value = calls();
      outcome = () => value;
    } catch (error) {
      outcome = () => {
        throw error;
      };
    }
    return [outcome, Promise.all(FILTERS.map(() => device.popErrorScope()))];
  };

  return {
    check() {
      if (closed) throw new DeviceError("the device is closed");
      if (fault) throw fault;
    },
    watch(what, calls) {
      const [outcome, reports] = scoped(calls);
      reports.then((errors) => {
        for (const error of errors) if (error) fault ??= describeError(what, error);
      }, () => {/* a lost device cannot answer; device.lost tells */});
      return outcome();
    },
    async guard(what, calls) {
      const [outcome, reports] = scoped(calls);
      const errors = await reports;
      for (const error of errors) if (error) throw describeError(what, error);
      return outcome();
    },
    close() {
      closed = true;
    },
  };
}

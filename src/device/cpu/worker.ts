/**
 * The device's threads. Every worker is this module (or, in a bundle, the whole program) started again under a name of its own;
 * it instantiates the kernels on the shared memory and then carries out commands until it is told to quit. After the start no
 * message is sent: commands go through the control block.
 */
import { DONE, GENERATION, HEAD, POISON } from "../../../kernels/cpu/control.ts";
import { DeviceError } from "../../errors.ts";
import { isThreadFor, threadName } from "../../thread.ts";
import { type BlasLibrary, openBlas } from "./blas.ts";
import { instantiate } from "./module.ts";

/** The kind of thread. */
const KIND = "cpu";

interface Start {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly worker: number;
  readonly workers: number;
  readonly spin: number;
  /** Address of this worker's scratch memory. */
  readonly scratch: number;
  readonly blas: BlasLibrary | null;
  /** Whether the engine fuses vectors (engine.ts). */
  readonly wide: boolean;
}

type Report =
  | { readonly kind: "ready" }
  | { readonly kind: "ended" }
  | { readonly kind: "failed"; readonly reason: string };

/** What a worker's global scope has, and the main thread's has not all of. */
interface WorkerScope {
  postMessage(message: Report): void;
  close(): void;
  onmessage: ((event: MessageEvent<Start>) => void) | null;
}

const scope = globalThis as unknown as WorkerScope;

/** Looks at a barrier before sleeping, about 50 µs; none where there are more workers than processors. */
const SPINS = 50_000;

export interface WorkerPool {
  /** Ends with the first worker that fails; pending for ever otherwise. */
  readonly failure: Promise<string>;
  /** Ends when all threads have stopped: after the command to quit, or after a failure. */
  readonly ended: Promise<void>;
  /** Stops the threads, whatever they do. */
  terminate(): void;
}

/**
 * Starts the workers; they wait for commands.
 * @param scratch addresses of the workers' scratch memories, one each
 * @throws {DeviceError} where a worker cannot start
 */
export async function startWorkers(
  { module, memory, scratch, blas, wide }: {
    module: WebAssembly.Module;
    memory: WebAssembly.Memory;
    scratch: readonly number[];
    blas: BlasLibrary | null;
    wide: boolean;
  },
): Promise<WorkerPool> {
  const spin = scratch.length > navigator.hardwareConcurrency ? 0 : SPINS;
  const failure = Promise.withResolvers<string>();
  const threads = scratch.map(() => new Worker(import.meta.url, { type: "module", name: threadName(KIND) }));
  const ended = threads.map(() => Promise.withResolvers<void>());
  const ready = threads.map((thread, worker) =>
    new Promise<void>((resolve) => {
      thread.onmessage = ({ data }: MessageEvent<Report>) => {
        if (data.kind === "ready") resolve();
        else if (data.kind === "ended") ended[worker].resolve();
        else failure.resolve(data.reason);
      };
      thread.onerror = (event) => {
        event.preventDefault();
        failure.resolve(event.message);
      };
      const own = { worker, scratch: scratch[worker] };
      const start: Start = { ...own, module, memory, workers: scratch.length, spin, blas, wide };
      thread.postMessage(start);
    })
  );
  const terminate = () => {
    for (const thread of threads) thread.terminate();
  };
  const failed = await Promise.race([Promise.all(ready).then(() => null), failure.promise]);
  if (failed !== null) {
    terminate();
    throw new DeviceError(`a thread of the CPU device did not start: ${failed}`);
  }
  return {
    failure: failure.promise,
    ended: Promise.all(ended.map(({ promise }) => promise)).then(() => {}),
    terminate,
  };
}

/** What a worker does: all of it in one call that returns when the device is closed. */
function serve({ module, memory, worker, workers, spin, scratch, blas, wide }: Start): void {
  const report = (message: Report) => scope.postMessage(message);
  try {
    using library = blas && openBlas(blas, memory);
    const refuse = () => {
      throw new DeviceError("no BLAS has been opened");
    };
    const kernels = instantiate(module, memory, library?.gemm ?? refuse);
    report({ kind: "ready" });
    kernels.work(worker, workers, spin, scratch, Number(wide));
  } catch (error) {
    const control = new Int32Array(memory.buffer);
    Atomics.store(control, POISON / 4, 1);
    report({ kind: "failed", reason: error instanceof Error ? error.message : String(error) });
    for (const address of [DONE, HEAD, GENERATION]) Atomics.notify(control, address / 4);
  }
  report({ kind: "ended" });
  scope.close();
}

if (isThreadFor(KIND)) {
  scope.onmessage = ({ data }: MessageEvent<Start>) => serve(data);
}

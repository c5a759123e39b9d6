/**
 * Threads of the program itself. A worker is a module (or, in a bundle, the whole program) started again under a name of its own, with
 * `new Worker(import.meta.url, { type: "module", name: threadName("cpu") })`; the module knows by the name what it is to do.
 */

const PREFIX = "codekiln-";
const scope = globalThis as { readonly name?: string };
const name = "WorkerGlobalScope" in globalThis ? scope.name ?? "" : "";

/** True in every thread that the program has started, where its command line must not run. */
export const isThread: boolean = name.startsWith(PREFIX);

/** The name of a worker that does this kind of work. */
export function threadName(kind: string): string {
  return PREFIX + kind;
}

/** Whether this is a thread that does this kind of work. */
export function isThreadFor(kind: string): boolean {
  return name === threadName(kind);
}

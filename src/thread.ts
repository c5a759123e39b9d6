/**
 * Threads of the program itself. A worker is a module (or, in a bundle, the whole program) started again under a name of its own, with
 * `new Worker(import.meta.url, { type: "module", name: threadName("cpu") })`; the module knows by the name what it is to do.
 */

const PREFIX = "codekiln-";
const scope = globalThis as { readonly name?: string };
const name = "WorkerGlobalScope" in globalThis ? scope.name ?? "" : "";

/** What kind of work this thread does; null in the first one, the only one where the command line may run. */
export const threadKind: string | null = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : null;

/** The name of a worker that does this kind of work. */
export function threadName(kind: string): string {
  return PREFIX + kind;
}

/** Whether this is a thread that does this kind of work. */
export function isThreadFor(kind: string): boolean {
  return threadKind === kind;
}

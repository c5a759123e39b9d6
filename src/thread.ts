/**
 * Threads of the program itself. A worker is a module (or, in a bundle, the whole program) started again under a name of its own, with
 * `new Worker(import.meta.url, { type: "module", name: threadName("cpu") })`; the module knows by the name what it is to do.
 * Another module than the calling one is named by `threadModule`.
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

const isBundle = !import.meta.url.endsWith("/src/thread.ts");

/**
 * What a worker is started from that runs another module.
 * @param module Its address in a checkout or a compiled executable.
 * @param own `import.meta.url` of the calling module; in a bundle it is that of the whole program.
 */
export function threadModule(module: string, own: string): string {
  return isBundle ? own : module;
}

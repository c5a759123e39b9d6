/** Runs the Deno that runs the task, in the checkout's root. */

const root = new URL("../", import.meta.url);

/** A path inside the checkout as an absolute file path. */
export function fromRoot(path: string): string {
  return decodeURIComponent(new URL(path, root).pathname);
}

/**
 * Runs `deno ARGS` and returns what it prints on stdout.
 *
 * @throws Error with what it printed on stderr, if it fails
 */
export async function runDeno(args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), { args: [...args], cwd: fromRoot("."), env, stdin: "null" });
  const { success, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`deno ${args.join(" ")} failed:\n${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}

/** stdout and stderr as commands use them. A reader that goes away (`| head`) is not an error of ours. */

/** Thrown when the reader of stdout has closed it; the program then ends quietly. */
export class OutputClosed extends Error {
  override name = "OutputClosed";
}

const encoder = new TextEncoder();

/** Writes all of it to stdout. @throws OutputClosed if nobody reads any more */
export async function writeStdout(data: string | Uint8Array): Promise<void> {
  const bytes = typeof data === "string" ? encoder.encode(data) : data;
  try {
    for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at));
  } catch (cause) {
    if (cause instanceof Deno.errors.BrokenPipe) throw new OutputClosed("stdout was closed", { cause });
    throw cause;
  }
}

/** Writes one line to stderr; a closed stderr is ignored, as there is nowhere left to say so. */
export function noteStderr(line: string): void {
  const bytes = encoder.encode(`${line}\n`);
  try {
    for (let at = 0; at < bytes.length;) at += Deno.stderr.writeSync(bytes.subarray(at));
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
